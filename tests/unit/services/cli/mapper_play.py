"""The services behind the queue, played with the real mapper; only reading and writing are made up."""

from common.messages import StartRun
from common.model.decision import Outcome
from common.model.finding import Recommendation, Severity, Subscription
from common.model.link import Link
from common.rules.loader import load_rules
from common.state import keys
from common.state.approvals import Approvals
from common.state.directory import Directory, RunScope
from common.state.groups import Groups
from common.state.links import Links
from common.state.register import Register
from common.state.runs import UnitRecord
from common.state.store import Fence, Store, raw
from services.mapper.stage_decide import Deciding
from tests.unit.services.mapper.conftest import SUB, Bench, row

RECOMMENDATION = "=Mend\x1b[31m rec-a"  # text from outside is data: no formula, no terminal codes


class Played(Bench):
    """Runs of connection `c` with one subscription, whose machines 0 to n-1 lack what `rec-a` asks."""

    def __init__(self, store: Store, rules_file: str, machines: int) -> None:
        super().__init__(store, load_rules(rules_file).to_json())
        self.rules_file = rules_file
        self.machines = machines
        self.news: tuple[str, ...] = (SUB,)

    def __call__(self, store: Store, message: StartRun) -> None:
        """Collector, mapper and, in a live run, a writer for whom everything works."""
        fence = self._begin(store, message)
        self.read(fence, [[row(number) for number in range(self.machines)]])
        Deciding(self.views, self.views.current("c")).run()
        if message.mode == "live":
            self._write(store, fence)
        self.flow.unit_ended("c", fence, self.unit)

    def _begin(self, store: Store, message: StartRun) -> Fence:
        epoch, register = store.epoch(), Register(store, "c")
        rules = Approvals(register).for_run(message.mode, load_rules(self.rules_file))
        fields = {
            "mode": message.mode,
            "requested_by": message.requested_by,
            "why": message.reason,
            "rules_hash": rules.hash,
        }
        assert self.flow.start_run("c", epoch, message.run, fields, rules.to_json()) == message.run
        fence = Fence(epoch, message.run)
        register.update(fence, {"rebuilt": epoch})
        directory = Directory(store, "c")
        directory.put_metadata(fence, [Recommendation("rec-a", RECOMMENDATION, Severity.HIGH)])
        directory.put_subscriptions(fence, [Subscription(SUB, "Production")])
        directory.put_run_scope(message.run, RunScope(found=(SUB,), new=self.news))
        self.runs.put_units(fence, [UnitRecord(self.unit, state="read", attempt="a")])
        self.runs.update(
            fence,
            {
                "planned": "1",
                "units_planned": "1",
                "tickets_read": "1",
                "tickets_pages": "0",
                "tickets_done": "1",
            },
        )
        return fence

    def _write(self, store: Store, fence: Fence) -> None:
        """Write the backlog: each group gets a ticket, each release is used."""
        key = keys.run("c", fence.run, "backlog")
        groups = [group for group in raw(store.client.zrange(key, 0, -1)) if group]
        facts = Groups(store, "c").facts(groups)
        links = {
            group: Link(
                "incident", group.hex() * 2, f"INC{number:07}", 1, 1, facts[group].rule, open=1, worst=48
            )
            for number, group in enumerate(groups)
        }
        Links(store, "c").replace(fence, {group: (None, link) for group, link in links.items()})
        self.runs.outcomes(fence, [(group, Outcome.CREATED, "new") for group in groups])
        for group in groups:
            Groups(store, "c").clean(fence, facts[group].rule, [group])
        Register(store, "c").use_release("create", groups)
        Register(store, "c").wrote({"group": group.hex(), "kind": "create"} for group in groups)
        store.client.unlink(key)
