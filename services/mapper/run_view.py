"""What a mapper stage sees of a run: its rules, its mode, and the stores that belong to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from common.errors import Superseded
from common.model.finding import Recommendation
from common.model.group import GroupFacts
from common.rules.ruleset import RuleSet
from common.state import keys
from common.state.directory import Directory
from common.state.flow import Flow
from common.state.groups import Groups
from common.state.links import Links
from common.state.queue import Claimed
from common.state.register import Register
from common.state.runs import RUNNING, Runs
from common.state.store import Fence, Store, octets, text
from common.state.units import Units
from services.mapper.classify import Compiled, compile_rules
from services.mapper.salts import Salts

CLASSIFIED_ANEW = "classified_anew"  # in the register: the run after which every finding is classified anew


@dataclass(frozen=True, slots=True)
class RunView:
    """A connection's current run and its stores. In plan mode groups and links write to an overlay."""

    connection: str
    fence: Fence
    plan: bool
    record: dict[str, str]
    compiled: Compiled
    runs: Runs
    register: Register
    groups: Groups
    links: Links
    units: Units
    directory: Directory
    recommendations: Mapping[str, Recommendation]
    salts: Salts

    @property
    def run(self) -> str:
        return self.fence.run

    @property
    def rules(self) -> RuleSet:
        return self.compiled.rules

    def own(self, items: Sequence[Claimed]) -> list[Claimed]:
        """Those of claimed items that this run put; the others are of a run that is over."""
        return [item for item in items if item.of(self.fence)]

    def open_groups(self, groups: Sequence[bytes]) -> dict[bytes, GroupFacts | None]:
        """Those of `groups` whose ticket holds its findings, with their facts."""
        held = [group for group, link in self.links.get_many(groups).items() if link.holds_findings]
        facts = self.groups.facts(held)
        return {group: facts.get(group) for group in held}

    def ticket_open(self, groups: Sequence[bytes]) -> set[bytes]:
        return {group for group, link in self.links.get_many(groups).items() if link.holds_findings}


class Views:
    """Builds views; remembers the compiled rules of the latest runs."""

    def __init__(self, store: Store, flow: Flow) -> None:
        self.store = store
        self.flow = flow
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._known: dict[str, tuple[str, dict[str, Recommendation]]] = {}
        self._salts: dict[tuple[str, str, str], Salts] = {}
        self._reasons: dict[str, dict[int, str]] = {}

    def current(self, connection: str) -> RunView:
        """The connection's current run. Raises `Superseded` when it has ended or Redis is another one."""
        register, runs = Register(self.store, connection), Runs(self.store, connection)
        run = register.current_run()
        pipe = self.store.client.pipeline(transaction=False)
        pipe.hgetall(keys.run(connection, run))
        pipe.get(keys.EPOCH)
        found, epoch = pipe.execute()
        record = {text(name): text(value) for name, value in found.items()}
        if record.get("status") != RUNNING or record.get("epoch") != text(epoch):
            raise Superseded
        plan = record.get("mode") == "plan"
        overlay = run if plan else ""
        directory, compiled = Directory(self.store, connection), self._rules(connection, run)
        version, recommendations = self._recommendations(connection, directory)
        seed = compiled.rules.hash + register.get(CLASSIFIED_ANEW)
        return RunView(
            connection=connection,
            fence=Fence(record["epoch"], run),
            plan=plan,
            record=record,
            compiled=compiled,
            runs=runs,
            register=register,
            groups=Groups(self.store, connection, overlay),
            links=Links(self.store, connection, overlay),
            units=Units(self.store, connection),
            directory=directory,
            recommendations=recommendations,
            salts=self._salts.setdefault((connection, version, seed), Salts(seed, recommendations)),
        )

    def of(self, connection: str, item: Claimed) -> RunView:
        """The current run, which must have put the item. Raises `Superseded`."""
        view = self.current(connection)
        if not item.of(view.fence):
            raise Superseded
        return view

    def reasons(self, connection: str, codes: Collection[int]) -> dict[int, str]:
        """What the codes of reasons in records mean; asked for when one is not known yet."""
        known = self._reasons.setdefault(connection, {})
        if not known.keys() >= set(codes):
            names = self.store.client.hgetall(keys.named(connection, "skips"))
            known.update({int(code): octets(reason).decode() for code, reason in names.items()})
        return known

    def _recommendations(
        self, connection: str, directory: Directory
    ) -> tuple[str, dict[str, Recommendation]]:
        """The recommendations and their version; decoded once, not once for each unit."""
        version = directory.metadata_version()
        known = self._known.get(connection)
        if known is None or known[0] != version:
            known = self._known[connection] = (version, directory.metadata())
            self._salts = {key: salts for key, salts in self._salts.items() if key[0] != connection}
        return known

    def _rules(self, connection: str, run: str) -> Compiled:
        compiled = self._compiled.get((connection, run))
        if compiled is None:
            snapshot = octets(self.store.client.get(keys.run(connection, run, "rules")))
            if not snapshot:
                raise Superseded
            compiled = compile_rules(RuleSet.from_json(snapshot), connection)
            if len(self._compiled) > 16:
                self._compiled.clear()
            self._compiled[connection, run] = compiled
        return compiled
