"""Takes in tickets as they were read from ServiceNow: links brought up to date, or rebuilt."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import zstandard
from msgspec.structs import replace

from common.errors import Fatal
from common.identity import Correlation, parse_correlation
from common.model.group import GroupFacts
from common.model.link import Link
from common.runtime.drain import Lease
from common.state import keys
from common.state.queue import Claimed
from common.state.runs import FAILED
from services.mapper.observe import Observed, observe
from services.mapper.run_view import RunView, Views

_records = msgspec.msgpack.Decoder(list[dict[str, str]])
_TRIES = 3
TICKET_ID = b"#"  # prefix of items that a writer put: records it came upon, no page of the run's reading


class ObserveStage:
    """Queue `observe`: one item is one page of ticket records."""

    queue = "observe"
    batch = 1

    def __init__(self, views: Views, count_duplicate: Callable[[str], None]) -> None:
        self._views = views
        self._count_duplicate = count_duplicate

    def handle(self, connection: str, items: Sequence[Claimed], lease: Lease) -> None:  # noqa: ARG002 - repeatable
        view = self._views.current(connection)
        for item in view.own(items):
            records = _records.decode(zstandard.ZstdDecompressor().decompress(item.body))
            Observing(view, self._count_duplicate).take(records)
            if not item.id.startswith(TICKET_ID):
                key = keys.run(connection, view.run, "observed")
                self._views.store.write(view.fence, connection, "SADD", key, [item.id])
                self._views.store.client.expire(key, 24 * 3600)
        self._views.flow.advance(connection, view.fence)

    def failed(self, connection: str, item: Claimed, error: Fatal) -> None:
        view = self._views.of(connection, item)
        page = item.id.decode()
        view.runs.tell(view.run, error.reason, f"page {page} of the tickets could not be taken in: {error}")
        view.runs.end(view.fence, FAILED, {"reason": error.reason})


class Observing:
    """Takes records into links by compare and set; a lost race is tried again with the link that won."""

    def __init__(self, view: RunView, count_duplicate: Callable[[str], None]) -> None:
        self._view = view
        self._count_duplicate = count_duplicate
        self._now = int(time.time())
        self._user = view.directory.instance().user_name

    def take(self, records: Sequence[Mapping[str, str]]) -> None:
        left: dict[bytes, list[tuple[Correlation, Mapping[str, str]]]] = {}
        for record in records:
            mark = parse_correlation(record.get("correlation_id", ""))
            if mark is not None and mark.connection == self._view.connection:
                left.setdefault(mark.group, []).append((mark, record))
        for _ in range(_TRIES):
            left = self._take(left)
            if not left:
                return

    def _take(
        self, by_group: Mapping[bytes, list[tuple[Correlation, Mapping[str, str]]]]
    ) -> dict[bytes, list[tuple[Correlation, Mapping[str, str]]]]:
        links = self._view.links.get_many(list(by_group))
        changes: dict[bytes, tuple[Link | None, Link]] = {}
        facts: dict[bytes, GroupFacts] = {}
        dirty: dict[str, set[bytes]] = {}
        for group, pairs in by_group.items():
            before = link = links.get(group)
            for mark, record in sorted(pairs, key=lambda pair: pair[0].generation):
                link, seen = self._one(link, mark, record)
                if seen is None:
                    continue
                if seen.facts is not None:
                    facts[group] = seen.facts
                if seen.dirty and link is not None:
                    dirty.setdefault(link.rule, set()).add(group)
            if link is not None and link != before:
                changes[group] = (before, link)
        # What a group is must be known before its link is: a link without facts could not be decided.
        self._view.groups.know(facts)
        lost = self._view.links.replace(self._view.fence, changes)
        self._tell_given_up(
            after for g, (before, after) in changes.items() if g not in lost and _gave_up(before, after)
        )
        for rule, groups in dirty.items():
            self._view.groups.make_dirty(rule, groups)
        return {group: by_group[group] for group in lost}

    def _one(
        self, link: Link | None, mark: Correlation, record: Mapping[str, str]
    ) -> tuple[Link | None, Observed | None]:
        """One record against the link: an older generation is history, a newer one takes the link over."""
        if record.get("deleted") == "true":
            return self._deleted(link, record)
        if link is not None and mark.generation < link.generation:
            return link, None
        if link is not None and mark.generation == link.generation and record.get("sys_id") != link.sys_id:
            self._duplicate(link, record)
            return link, None
        seen = observe(
            None if link is None or mark.generation > link.generation else link, record, self._user, self._now
        )
        return (seen.link if seen.link is not None else link), seen

    @staticmethod
    def _deleted(link: Link | None, record: Mapping[str, str]) -> tuple[Link | None, Observed | None]:
        if link is None or link.sys_id != record.get("sys_id") or link.deleted:
            return link, None
        gone = replace(link, deleted=True, active=False)
        return gone, Observed(gone, ("deleted",), dirty=True)

    def _tell_given_up(self, links: Iterable[Link]) -> None:
        """Fields that the instance changes back are written no more (promise 6): one sentence for a page."""
        some = list(links)
        if some:
            fields = ", ".join(sorted({field for link in some for field in link.given_up}))
            sentence = (
                f"ServiceNow twice changed {fields} of {len(some)} tickets ({some[0].number} first) after our"
                " write: it is written there no more. Look for a business rule."
            )
            self._view.runs.tell(self._view.run, "field_given_up", sentence)

    def _duplicate(self, link: Link, record: Mapping[str, str]) -> None:
        """Two tickets carry one correlation_id: told, counted, the known one stays."""
        sentence = (
            f"{record.get('number') or record.get('sys_id')} carries the correlation_id of {link.number}: "
            "close one of them by hand; Isthmus goes on with the latter"
        )
        self._view.runs.tell(self._view.run, "duplicate_found", sentence)
        self._view.runs.add(self._view.run, {"duplicates_found": 1})
        self._count_duplicate(self._view.connection)


def _gave_up(before: Link | None, after: Link) -> bool:
    return before is not None and set(after.given_up) > set(before.given_up)
