"""Approving and rejecting runs: the one way by which anything becomes live or passes a cap (promise 9)."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from common.model.decision import Kind
from common.operate.errors import NotFound, Refused
from common.operate.plan_reports import snapshot
from common.operate.run_reports import RELEASABLE
from common.state.approvals import Approvals
from common.state.directory import UNIT_KIND, Directory, subscription_of
from common.state.groups import Groups
from common.state.holds import Holds
from common.state.plans import PlanLines
from common.state.register import Register
from common.state.runs import APPROVED, FAILED, PLANNED, REJECTED, RUNNING, SUPERSEDED, Runs
from common.state.store import Fence, Store

STATE_LOST = "state_lost"
_CREATE, _REWRITE, _RESOLVE = str(Kind.CREATE), "rewrite", str(Kind.RESOLVE)
_KINDS = (_CREATE, _REWRITE, _RESOLVE)
_FAR_BACK = 200


class Approved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approval did. `rules` are those whose version became the approved one."""

    run: str
    connection: str
    by: str
    rules: list[str]
    subscriptions: int
    creates_released: int
    rewrites_released: int
    resolves_released: int
    still_held: int
    next: str


class Rejected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rejection left held."""

    run: str
    connection: str
    by: str
    still_held: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of an approval: at most `up_to` releases (None: all), of one `rule` or of all."""

    by: str
    up_to: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A group that a cap or a loss of Redis holds."""

    group: bytes
    rule: str
    kind: str
    reason: str
    worst: int


class Approving:
    """Approvals of one connection's runs."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._connection = connection
        self._register = Register(store, connection)
        self._runs = Runs(store, connection)

    def approve(self, run: str, wish: Wish) -> Approved:
        """Approve a planned run, or release what a live run holds. Raises Refused."""
        record = self._runs.record(run)
        self._check(run, record)
        if record.get("mode") == "plan":
            return self._plan(run, wish)
        return self._live(run, wish)

    def reject(self, run: str, by: str) -> Rejected:
        """Say no to a run: what it holds stays held. Raises Refused."""
        record = self._runs.record(run)
        self._check(run, record)
        if record["status"] == APPROVED:
            raise Refused(
                "already_approved",
                f"Run {run} is approved already; `isthmus connections pause {self._connection}` stops all.",
            )
        held = list(self._waiting_of(run, record))
        fields = {"status": REJECTED, "ended_as": record["status"], "rejected_by": by}
        self._runs.annotate(run, {**fields, "rejected_at": str(int(time.time()))})
        self._register.audit("rejected", by, {"run": run, "held": len(held)})
        return Rejected(run=run, connection=self._connection, by=by, still_held=len(held))

    # what stands against it

    def _check(self, run: str, record: Mapping[str, str]) -> None:
        status = record.get("status", "")
        sentences = {
            RUNNING: f"Run {run} is still under way; `isthmus runs show {run}` shows how far it is.",
            REJECTED: f"Run {run} was rejected; make a new plan with `isthmus plan`.",
        }
        if record.get("mode") == "plan":
            sentences[FAILED] = f"Run {run} failed, so there is nothing to approve; `isthmus plan` again."
            sentences[SUPERSEDED] = f"Run {run} gave way to a later run; `isthmus plan` again."
        if status in sentences:
            raise Refused(f"run_{status}", sentences[status])

    def _check_newest(self, run: str, record: Mapping[str, str]) -> None:
        """An old plan must not bring back rules that a later plan replaced."""
        for newer in self._runs.latest(_FAR_BACK):
            if newer == run:
                return
            other = self._runs.record(newer)
            plan = other.get("mode") == "plan" and other.get("status") in (PLANNED, APPROVED)
            if plan and other.get("rules_hash") != record.get("rules_hash"):
                raise Refused(
                    "run_outdated",
                    f"Run {run} is older than plan {newer}, whose rules differ: approve that one"
                    f" (`isthmus runs approve {newer}`), or make a new plan.",
                )

    # the two kinds of runs

    def _plan(self, run: str, wish: Wish) -> Approved:
        record = self._runs.record(run)
        self._check_newest(run, record)
        rules, subscriptions = self._accept(run, wish)
        waiting = [one for one in self._planned(run) if not wish.rule or one.rule == wish.rule]
        self._clear_recovered()
        # Rewrites that an earlier plan let through are not of these texts.
        self._register.forget_releases(_REWRITE)
        now = str(int(time.time()))
        self._runs.annotate(run, {"status": APPROVED, "approved_by": wish.by, "approved_at": now})
        return self._release(run, wish, waiting, rules, subscriptions)

    def _live(self, run: str, wish: Wish) -> Approved:
        waiting = [one for one in self._held(run) if not wish.rule or one.rule == wish.rule]
        if not waiting:
            raise Refused("nothing_held", self._nothing_held(run, wish))
        rules: list[str] = []
        subscriptions = 0
        if any(one.reason == STATE_LOST for one in waiting):
            rules, subscriptions = self._accept(run, wish)
            # With --up-to or --rule only the released groups may pass; the rest goes on waiting for a person.
            if wish.up_to is None and not wish.rule:
                self._clear_recovered()
        return self._release(run, wish, waiting, rules, subscriptions)

    def _nothing_held(self, run: str, wish: Wish) -> str:
        of_rule = f" of rule {wish.rule}" if wish.rule else ""
        sentence = f"Nothing{of_rule} that run {run} held can be released any more."
        later = sorted({h.run for h in Holds(self._store, self._connection).all() if h.reason in RELEASABLE})
        if later and later[-1] != run:
            return f"{sentence} Run {later[-1]} holds some: `isthmus runs approve {later[-1]}`."
        return f"{sentence} `isthmus sync` writes what is approved."

    # parts

    def _accept(self, run: str, wish: Wish) -> tuple[list[str], int]:
        """Approve the rules and subscriptions that the run used."""
        rules = snapshot(self._store, self._connection, run)
        if rules is None:
            raise Refused(
                "run_expired",
                f"The rules of run {run} are kept no longer; make a new plan with `isthmus plan`.",
            )
        if wish.rule and rules.get(wish.rule) is None:
            known = [rule.id for rule in rules.rules]
            raise NotFound("rule", wish.rule, known, f"isthmus runs show {run}")
        Directory(self._store, self._connection).accept_scope(run)
        read = [subscription_of(u.unit) for u in self._runs.units(run) if u.unit.startswith(f"{UNIT_KIND}:")]
        changed = Approvals(self._register).approve(rules, read, wish.by, run, only=wish.rule)
        return changed, len(read)

    def _clear_recovered(self) -> None:
        if self._register.get("recovered"):
            self._register.update(Fence(self._store.known_epoch()), {"recovered": ""})

    def _release(
        self, run: str, wish: Wish, waiting: list[_Waiting], rules: list[str], subscriptions: int
    ) -> Approved:
        worst_first = sorted(waiting, key=lambda one: (-one.worst, one.group))
        chosen = worst_first if wish.up_to is None else worst_first[: wish.up_to]
        counts = dict.fromkeys(_KINDS, 0)
        for kind in counts:
            some = [one for one in chosen if one.kind == kind]
            counts[kind] = len(some)
            self._register.release(kind, [one.group for one in some])
        if chosen:
            details = {"run": run, "rule": wish.rule, "up_to": wish.up_to, "released": counts}
            self._register.audit("released", wish.by, details)
        live = Groups(self._store, self._connection)
        for rule in {one.rule for one in chosen}:
            live.make_dirty(rule, [one.group for one in chosen if one.rule == rule])
        return Approved(
            run=run,
            connection=self._connection,
            by=wish.by,
            rules=rules,
            subscriptions=subscriptions,
            creates_released=counts[_CREATE],
            rewrites_released=counts[_REWRITE],
            resolves_released=counts[_RESOLVE],
            still_held=len(waiting) - len(chosen),
            next=f"isthmus sync --connection {self._connection} --wait",
        )

    # what waits

    def _waiting_of(self, run: str, record: Mapping[str, str]) -> Iterator[_Waiting]:
        return self._planned(run) if record.get("mode") == "plan" else self._held(run)

    def _planned(self, run: str) -> Iterator[_Waiting]:
        """Groups that a cap would hold, unless they are released already."""
        lines = PlanLines(self._store, self._connection, run)
        found = [
            _Waiting(group, line["rule"], _kind(line), line["held"], line["worst"])
            for group, line in lines
            if line.get("held")
        ]
        return self._unreleased(found)

    def _held(self, run: str) -> Iterator[_Waiting]:
        """Groups that the run holds for a reason that a person may lift. After a loss these are creates."""
        found = [
            _Waiting(h.group, h.rule, _CREATE if h.reason == STATE_LOST else h.kind, h.reason, h.worst)
            for h in Holds(self._store, self._connection).all()
            if h.run == run and h.reason in RELEASABLE
        ]
        return self._unreleased(found)

    def _unreleased(self, found: list[_Waiting]) -> Iterator[_Waiting]:
        for kind in _KINDS:
            some = [one for one in found if one.kind == kind]
            released = self._register.released(kind, [one.group for one in some])
            yield from (one for one in some if one.group not in released)


def _kind(line: Mapping[str, Any]) -> str:
    return _REWRITE if line["held"] == "cap_rewrite" else str(line["decision"])
