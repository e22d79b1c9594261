"""Large units are read in several chains side by side; their pages are put together for the mapper."""

from typing import Any

from common.errors import Retry
from common.identity import unit_key
from common.state import keys
from common.state.pages import PAGE_TTL, Manifest, Pages
from common.state.store import Fence, text
from services.collector.desk import Desk
from services.collector.reading import Chain


class Parts:
    """The parts of one unit in one run."""

    def __init__(self, desk: Desk, fence: Fence, chain: Chain) -> None:
        self._desk = desk
        self._fence = fence
        self._chain = chain
        self._unit = unit_key(chain.unit)
        self._key = keys.unit_part(desk.connection, fence.run, "parts", self._unit)

    def ended(self, manifest: Manifest) -> str | None:
        """A chain is whole: answers the attempt that holds the unit's pages, None while parts are missing.

        The part that finds all others there puts them together, and only that one.
        """
        chain, client = self._chain, self._desk.store.client
        if chain.parts == 1:
            return chain.attempt
        fact = (
            f"{chain.attempt} {manifest.pages} {manifest.rows} {manifest.first_total} {manifest.last_total}"
        )
        line = f"{fact} {manifest.flags}"
        self._desk.store.fenced(
            "set", self._fence, self._desk.connection, [self._key], [str(chain.part), line]
        )
        client.expire(self._key, PAGE_TTL)
        found = {text(name): text(value) for name, value in client.hgetall(self._key).items()}
        facts = {int(name): value for name, value in found.items() if name.isdigit()}
        if len(facts) < chain.parts:
            return None
        # Two parts may see each other at once; the same one, after a crash, goes on.
        client.hsetnx(self._key, "joiner", chain.part)
        if text(client.hget(self._key, "joiner")) != str(chain.part):
            return None
        return self._join([facts[part] for part in range(chain.parts)])

    def _join(self, facts: list[str]) -> str:
        """Copy all pages under one attempt's names, in the order of the parts; `forget` frees the sources."""
        attempt = f"{self._chain.parts}x{facts[0].split(' ', 1)[0]}"
        number = rows = first = last = 0
        flags: set[str] = set()
        for fact in facts:
            source, pages, part_rows, part_first, part_last, flag = fact.split(" ", 5)
            for page in range(int(pages)):
                self._copy(source, page, attempt, number)
                number += 1
            rows, first, last = rows + int(part_rows), first + int(part_first), last + int(part_last)
            flags |= {flag} - {""}
        self._manifest(attempt, number, rows, (first, last), ",".join(sorted(flags)))
        return attempt

    def forget(self) -> None:
        """Free the parts' own pages, once the unit's record names the joined ones."""
        if self._chain.parts == 1:
            return
        found = self._desk.store.client.hgetall(self._key)
        for name, value in found.items():
            if text(name).isdigit():
                attempt = text(value).split(" ", 1)[0]
                desk, run = self._desk, self._fence.run
                Pages(desk.store, desk.connection, run, self._chain.unit, attempt).drop()
        self._desk.store.client.unlink(self._key)

    def _copy(self, source: str, page: int, attempt: str, number: int) -> None:
        c, run = self._desk.connection, self._fence.run
        before = keys.page(c, run, self._unit, source, page)
        after = keys.page(c, run, self._unit, attempt, number)
        copy: Any = self._desk.store.client.copy  # its types know text keys only
        if not copy(before, after, replace=True):
            raise Retry("pages_missing", f"Pages of {self._chain.unit} are not in Redis any more.")

    def _manifest(self, attempt: str, pages: int, rows: int, totals: tuple[int, int], flags: str) -> None:
        """As many pages as there are; their rows stand with the first one."""
        key = keys.unit_part(self._desk.connection, self._fence.run, f"pages:{attempt}", self._unit)
        fields: list[str] = ["first_total", str(totals[0]), "last_total", str(totals[1]), "flags", flags]
        for number in range(pages):
            fields += [str(number), str(rows if number == 0 else 0)]
        fields += ["last", str(pages - 1)]
        self._desk.store.fenced("set", self._fence, self._desk.connection, [key], fields)
        self._desk.store.client.expire(key, PAGE_TTL)
