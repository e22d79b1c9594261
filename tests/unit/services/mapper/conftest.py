"""A mapper on a real Redis, fed with pages as the collector leaves them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import pytest
import zstandard

from common.identity import unit_key
from common.model.finding import Recommendation, Severity, Standing, Subscription
from common.rules.loader import load_rules
from common.runtime.bells import Bells
from common.state import keys
from common.state.directory import Directory, unit_of
from common.state.flow import Flow
from common.state.pages import Pages
from common.state.queue import WorkQueue
from common.state.register import Register
from common.state.runs import Runs, UnitRecord
from common.state.store import Fence, Store, octets
from services.mapper.run_view import Views
from services.mapper.stage_finish import FinishStage
from services.mapper.stage_map import MapStage

SUB = "11111111-2222-3333-4444-555555555555"
RULES = """
version: 1
defaults:
  findings: {min_age: 0s}
  scope: {subscriptions: [all]}
rules:
  - id: per-recommendation
    when: {kind: recommendation, severity: [High, Critical]}
    group: [recommendation, subscription]
    ticket: {type: incident, impact: 2, urgency: 2, due: 7d, assign: ["Cloud Security"]}
  - {id: rest, when: {}, skip: below_threshold}
"""


def row(
    number: int, recommendation: str = "rec-a", code: str = "Unhealthy", **more: str | None
) -> dict[str, str | None]:
    """A row as the collector's query answers it."""
    resource = (
        f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm{number}"
    )
    return {
        "id": f"{resource}/providers/Microsoft.Security/assessments/{recommendation}",
        "name": recommendation,
        "subscriptionId": SUB,
        "code": code,
        "title": f"Mend {recommendation}",
        "source": "Azure",
        "resourceId": resource,
        "resourceName": f"vm{number}",
        **more,
    }


@dataclass
class Bench:
    """One connection `c` with one unit, driven step by step."""

    store: Store
    rules_json: str
    rung: list[str] = field(default_factory=list)
    runs_started: int = 0

    def __post_init__(self) -> None:
        bells = Bells(self.store, lambda _, bell: self.rung.append(bell.queue), 15, 4)
        self.flow = Flow(self.store, bells, window=1000, stale_after=0)
        self.views = Views(self.store, self.flow)
        self.finish = FinishStage(self.views)
        self.map = MapStage(self.views, self.finish.finish)
        self.runs = Runs(self.store, "c")
        self.unit = unit_of(SUB)

    def start(self, mode: str = "live") -> Fence:
        """Start a run in which tickets were read and one unit is planned."""
        self.runs_started += 1
        run = f"r{self.runs_started}"
        epoch = self.store.epoch()
        assert self.flow.start_run("c", epoch, run, {"mode": mode}, self.rules_json) == run
        fence = Fence(epoch, run)
        Register(self.store, "c").update(fence, {"rebuilt": epoch})
        directory = Directory(self.store, "c")
        recommendations = [
            Recommendation("rec-a", "Mend rec-a", Severity.HIGH),
            Recommendation("rec-b", "Mend rec-b", Severity.LOW),
        ]
        directory.put_metadata(fence, recommendations)
        directory.put_subscriptions(fence, [Subscription(SUB, "Production")])
        self.runs.put_units(fence, [UnitRecord(self.unit, state="read", attempt="a")])
        self.runs.update(fence, {"planned": "1", "units_planned": "1", "tickets_done": "1"})
        return fence

    def read(
        self, fence: Fence, pages: Iterable[list[dict[str, str | None]]], total: int | None = None
    ) -> None:
        """Leave pages as the collector does and map the unit."""
        some = list(pages)
        count = sum(map(len, some)) if total is None else total
        store = Pages(self.store, "c", fence.run, self.unit, "a")
        for number, rows in enumerate(some):
            last = number == len(some) - 1
            store.put(fence, number, msgspec.json.encode(rows), len(rows), count, last=last, flags="")
        view = self.views.current("c")
        record = self.runs.unit(fence.run, self.unit)
        assert record is not None
        self.map._map(view, record)

    def asked(self, fence: Fence) -> list[str]:
        """Ids that were written down to be asked for again."""
        stage = self.record(fence).stage
        key = keys.staged("c", fence.run, "missing", stage, unit_key(self.unit))
        packed = self.store.client.get(key)
        if packed is None:
            return []
        found: list[str] = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(octets(packed)))
        return found

    def answer(self, fence: Fence, standings: dict[str, Standing]) -> None:
        """Answer as the collector's confirm stage does, and finish the unit."""
        key = keys.unit_part("c", fence.run, "answers", unit_key(self.unit))
        packed = msgspec.msgpack.encode({k: int(v) for k, v in standings.items()})
        self.store.client.set(key, zstandard.ZstdCompressor().compress(packed))
        view = self.views.current("c")
        record = self.runs.unit(fence.run, self.unit)
        assert record is not None
        self.finish.finish(view, record)

    def record(self, fence: Fence) -> UnitRecord:
        found = self.runs.unit(fence.run, self.unit)
        assert found is not None
        return found

    def queue(self, name: str) -> WorkQueue:
        return WorkQueue(self.store, "c", name)


@pytest.fixture
def bench(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A mapper with one rule for high severity."""
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    return Bench(store, load_rules(path).to_json())
