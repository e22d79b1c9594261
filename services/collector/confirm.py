"""Asking again for exactly the findings that a unit did not show: only this can tell that they are gone."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
import zstandard

from common.azure import kql
from common.azure.levels import STANDINGS
from common.azure.resource_graph import Scope
from common.azure.rows import AssessmentRow, CountRow
from common.errors import Fatal
from common.http.deadline import Deadline
from common.identity import normalise, unit_key
from common.model.finding import Standing
from common.runtime.drain import Lease
from common.state import keys
from common.state.directory import subscription_of
from common.state.queue import Claimed, Item
from common.state.store import Fence, octets
from services.collector.desk import Desk
from services.collector.scope import Resolver, chunks, subscription_of_row
from services.collector.stage import CollectorStage

_TTL = 24 * 3600
_SECONDS = 600.0
_READABLE = frozenset({"enabled", "warned", "pastdue"})
_MARK = "/providers/microsoft.security/assessments/"


def recommendation_of(finding_id: str) -> str:
    """The recommendation's key, out of an assessment's id; "" for an id of another kind."""
    _, mark, key = normalise(finding_id).rpartition(_MARK)
    return key if mark else ""


def answer(
    asked: Sequence[str], rows: Sequence[AssessmentRow], *, readable: bool, in_being: Collection[str]
) -> dict[str, int]:
    """The standing of each asked finding.

    Absence means GONE only in a scope that can be read, of a recommendation that still is; else nothing is
    known, which is LOST.
    """
    seen = {normalise(row.id): row for row in rows if row.id}
    answers: dict[str, int] = {}
    for finding in asked:
        row = seen.get(normalise(finding))
        if row is not None:
            exempt = (row.cause or "").lower() == "exempt"
            standing = STANDINGS.get(((row.code or "").lower(), exempt), Standing.LOST)
        elif readable and recommendation_of(finding) in in_being:
            standing = Standing.GONE
        else:
            standing = Standing.LOST
        answers[finding] = int(standing)
    return answers


class Confirm(CollectorStage):
    """Stage `confirm`: answers for a unit's missing findings, then a `finish` item."""

    queue = "confirm"

    def work(self, desk: Desk, fence: Fence, item: Claimed, lease: Lease) -> None:
        del lease
        unit = item.id.decode()
        asked = self._asked(desk, fence, unit)
        answers = self._answers(desk, fence, unit)
        rest = [finding for finding in asked if finding not in answers]
        if rest:
            readable = self._readable(desk, unit)
            in_being = self._in_being(desk, fence)
            for some in chunks(rest, kql.IDS_AT_ONCE):
                rows = self._rows(desk, unit, some)
                answers |= answer(some, rows, readable=readable, in_being=in_being)
                self._keep(desk, fence, unit, answers)
        self._finish(desk, fence, unit, answers)

    def give_up(self, desk: Desk, fence: Fence, item: Claimed, error: Fatal) -> None:
        """What could not be asked for is not known; the unit goes on with that."""
        unit = item.id.decode()
        answers = self._answers(desk, fence, unit)
        lost = {finding: int(Standing.LOST) for finding in self._asked(desk, fence, unit)}
        desk.runs.tell(
            fence.run,
            error.reason,
            f"Missing findings of subscription {subscription_of(unit)} could not be asked for again: {error}",
        )
        self._keep(desk, fence, unit, lost | answers)
        self._finish(desk, fence, unit, lost | answers)

    def _asked(self, desk: Desk, fence: Fence, unit: str) -> list[str]:
        record = desk.runs.unit(fence.run, unit)
        stage = record.stage if record is not None else ""
        key = keys.staged(desk.connection, fence.run, "missing", stage, unit_key(unit))
        packed = octets(desk.store.client.get(key))
        if not packed:
            return []
        return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=list[str])

    def _answers(self, desk: Desk, fence: Fence, unit: str) -> dict[str, int]:
        """What was answered before the work was parked."""
        packed = octets(desk.store.client.get(_answers(desk, fence, unit)))
        if not packed:
            return {}
        return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=dict[str, int])

    def _keep(self, desk: Desk, fence: Fence, unit: str, answers: Mapping[str, int]) -> None:
        packed = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(answers))
        desk.store.client.set(_answers(desk, fence, unit), packed, ex=_TTL)

    def _finish(self, desk: Desk, fence: Fence, unit: str, answers: Mapping[str, int]) -> None:
        if lost := sum(standing == Standing.LOST for standing in answers.values()):
            desk.runs.tell(
                fence.run,
                "evidence_lost",
                f"{lost} findings of subscription {subscription_of(unit)} are missing, and why is not known.",
            )
        desk.flow.put(desk.connection, fence, "finish", [Item(unit.encode(), 0, b"")])

    def _rows(self, desk: Desk, unit: str, ids: Sequence[str]) -> list[AssessmentRow]:
        graph = self.context.clients.of(desk.connection).graph
        scope = Scope(subscriptions=[subscription_of(unit)])
        return graph.rows_by_id(ids, AssessmentRow, scope, deadline=Deadline(_SECONDS))

    def _readable(self, desk: Desk, unit: str) -> bool:
        """Whether the subscription is enabled now, and shows findings at all."""
        graph, deadline = self.context.clients.of(desk.connection).graph, Deadline(_SECONDS)
        scope = Scope(subscriptions=[subscription_of(unit)])
        rows, whole = Resolver(graph, deadline).rows(scope)
        enabled = any(subscription_of_row(row).state.lower() in _READABLE for row in rows)
        if not whole or not enabled:
            return False
        counts = graph.rows(kql.ASSESSMENT_COUNTS, CountRow, scope, deadline=deadline)
        return sum(row.rows for row in counts) > 0

    def _in_being(self, desk: Desk, fence: Fence) -> set[str]:
        """Recommendations that this run's metadata holds; none when it could not be read in this run."""
        if desk.directory.metadata_run() != fence.run:
            return set()
        return desk.directory.known_recommendations()


def _answers(desk: Desk, fence: Fence, unit: str) -> bytes:
    return keys.unit_part(desk.connection, fence.run, "answers", unit_key(unit))
