"""How a run moves on: from reading to deciding to writing to its end.

`advance` may be called by anybody at any time, any number of times: it looks at what stands in Redis and puts
the next work there. It is called after whatever may complete a phase, and by the sweep.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from common.identity import unit_key
from common.runtime.bells import Bells
from common.state import keys
from common.state.approvals import Approvals
from common.state.links import Links
from common.state.plans import PlanLines
from common.state.queue import Item, WorkQueue, fresh_seq, mark_of
from common.state.register import Register
from common.state.runs import COMPLETE, FAILED, PARTIAL, PLANNED, RUNNING, SUPERSEDED, Runs
from common.state.store import Fence, Store, octets

QUEUES = (
    "tickets",
    "observe",
    "plan",
    "read",
    "tags",
    "map",
    "confirm",
    "finish",
    "decide",
    "rows",
    "render",
    "write",
)
NOT_APPROVED = "nothing of this connection is approved: run `isthmus plan`, then `isthmus runs approve RUN`"
STATE_LOST = (
    "Redis was lost: links were rebuilt from ServiceNow, tickets are kept up to date, and new ones wait for "
    "`isthmus runs approve`"
)
CHUNK = 100  # groups in one chunk of rows to read and decisions to render
_BEGIN_SECONDS = 10
_AT_ONCE = 500
_IN_WINDOW = ("rows", "render", "write")
_READING = ("read", "tags", "map", "confirm", "finish")
_TRANSIENT = ("backlog", "touched", "ended", "observed")


class Flow:
    """Moves runs of all connections on. `window` bounds the groups that are being rendered and written."""

    def __init__(
        self,
        store: Store,
        bells: Bells,
        *,
        window: int,
        stale_after: float = 900,
        ended: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._store = store
        self._bells = bells
        self._window = window
        self._stale_after = stale_after
        self._ended = ended or (lambda _connection, _run, _status: None)

    def start_run(
        self, connection: str, epoch: str, run: str, fields: Mapping[str, str], rules_json: str
    ) -> str:
        """Make `run` the current one and put its first work; answers the run that is current then.

        `fields` must hold `mode` (plan or live). The rules are stored with the run: all its stages use the
        same.
        """
        runs = Runs(self._store, connection)
        before = Register(self._store, connection).current_run()
        self._store.client.set(keys.run(connection, run, "rules"), rules_json, ex=30 * 24 * 3600)
        current = runs.start(epoch, run, self._stale_after, fields)
        if not current:
            return run  # a doubled message: the other one begins it, and `resume` if that dies
        if current != run:
            self._store.client.unlink(keys.run(connection, run, "rules"))
            return current
        if before and runs.record(before).get("status") == RUNNING:
            runs.annotate(before, {"status": SUPERSEDED, "ended": str(int(time.time()))})
            left = (keys.run(connection, before, part) for part in ("outcomes", *_TRANSIENT))
            self._store.client.unlink(*left)
        self._begin(connection, Fence(epoch, run))
        return run

    def resume(self, connection: str, epoch: str) -> None:
        """Pick up a run whose starter died, and move on one that nobody moved (called by the sweep)."""
        run = Register(self._store, connection).current_run()
        record = Runs(self._store, connection).record(run) if run else {}
        if record.get("status") != RUNNING or record.get("epoch") != epoch:
            return
        if record.get("begun") != "1" and time.time() - int(record["started"]) > _BEGIN_SECONDS:
            self._begin(connection, Fence(epoch, run))
        elif record.get("tickets_read") != "1":
            self._put_first(connection, Fence(epoch, run))
        self._recount(connection, Fence(epoch, run), record)
        self.advance(connection, Fence(epoch, run))

    def _recount(self, connection: str, fence: Fence, record: Mapping[str, str]) -> None:
        """Units whose worker was killed between ending them and saying so: their records tell."""
        if record.get("planned") != "1" or record.get("decided") == "1":
            return
        if any(self.queue(connection, name).size() for name in _READING):
            return
        ended = [unit.unit for unit in Runs(self._store, connection).units(fence.run) if unit.ended]
        self._note_ended(connection, fence, ended)

    def _begin(self, connection: str, fence: Fence) -> None:
        queues = [key for name in QUEUES for key in self.queue(connection, name).keys]
        run = keys.run(connection, fence.run)
        self._store.fenced("begin_run", fence, connection, [run, *queues], [])
        self._put_first(connection, fence)

    def _put_first(self, connection: str, fence: Fence) -> None:
        # While the links are not rebuilt nobody knows which findings have a ticket: no unit is read before.
        rebuilt = Register(self._store, connection).links_rebuilt(fence.epoch)
        for name in ("tickets", "plan") if rebuilt else ("tickets",):
            self._put_once(connection, fence, name)

    def queue(self, connection: str, name: str) -> WorkQueue:
        return WorkQueue(self._store, connection, name)

    def put(self, connection: str, fence: Fence, name: str, items: Sequence[Item]) -> None:
        """Put work into a queue and ring for it. Raises `Superseded`."""
        busy = self.queue(connection, name).put(fence, items)
        self._bells.ring(connection, name, busy, epoch=fence.epoch)

    def unit_ended(self, connection: str, fence: Fence, unit: str) -> None:
        """A unit is done or failed."""
        self._note_ended(connection, fence, [unit])
        self.advance(connection, fence)

    def _note_ended(self, connection: str, fence: Fence, units: Sequence[str]) -> None:
        key = keys.run(connection, fence.run, "ended")
        self._store.write(fence, connection, "SADD", key, units)
        self._store.client.expire(key, 24 * 3600)

    def advance(self, connection: str, fence: Fence) -> None:
        """Put the next phase's work if the present phase is over. Idempotent. Raises `Superseded`."""
        runs = Runs(self._store, connection)
        record = runs.record(fence.run)
        if record.get("status") != RUNNING:
            return
        Register(self._store, connection).progress()
        if record.get("tickets_done") != "1":
            if not self._tickets_over(connection, fence, record):
                return
            record = runs.record(fence.run)
        if record.get("decided") == "1":
            self._write_on(connection, fence, record)
        elif record.get("planned") != "1":
            self._put_once(connection, fence, "plan")
        elif self._read_is_over(connection, fence.run, record):
            self._put_once(connection, fence, "decide")

    def _put_once(self, connection: str, fence: Fence, name: str) -> None:
        """Put a step that a run takes once, unless it is there already."""
        self.queue(connection, name).put(fence, [Item(fence.run.encode(), 0, b"")], keep=True)
        self._bells.ring(connection, name)

    def _tickets_over(self, connection: str, fence: Fence, record: Mapping[str, str]) -> bool:
        """Close the reading of tickets when every page was taken in; answers whether it is closed."""
        if record.get("tickets_read") != "1":
            return False
        observed = int(self._store.client.scard(keys.run(connection, fence.run, "observed")))
        if observed < int(record["tickets_pages"]):
            return False
        if record.get("mode") != "plan" and not self._links_are_current(connection, fence, record):
            return False
        Runs(self._store, connection).update(fence, {"tickets_done": "1"})
        return True

    def _links_are_current(self, connection: str, fence: Fence, record: Mapping[str, str]) -> bool:
        """Move the marks, note the rebuild; after a loss of Redis creates wait for a person (promise 5).

        A connection of which nothing is approved and that has no tickets either is new: its run ends here.
        """
        register, runs = Register(self._store, connection), Runs(self._store, connection)
        if not Approvals(register).any():
            if Links(self._store, connection).count() == 0:
                runs.tell(fence.run, "not_approved", NOT_APPROVED)
                runs.end(fence, FAILED, {"reason": "not_approved"})
                return False
            register.update(fence, {"recovered": "1"})
            runs.tell(fence.run, "state_lost", STATE_LOST)
        fields = {"rebuilt": fence.epoch}
        if mark := record.get("tickets_mark"):
            fields["mark:incident"] = mark
        register.update(fence, fields)
        return True

    def _read_is_over(self, connection: str, run: str, record: Mapping[str, str]) -> bool:
        """Presence is evidence: as many units ended as were planned."""
        ended = self._store.client.scard(keys.run(connection, run, "ended"))
        return int(ended) >= int(record["units_planned"])

    def _write_on(self, connection: str, fence: Fence, record: Mapping[str, str]) -> None:
        while self._fill(connection, fence):
            self._bells.ring(connection, "rows", 2)
        runs = Runs(self._store, connection)
        groups = runs.groups(fence.run)
        if groups.touched == sum(groups.reasons.values()) and not self._backlog(connection, fence.run):
            self._end(connection, fence, record)

    def _fill(self, connection: str, fence: Fence) -> int:
        """Move one chunk from the backlog into the window; answers how many groups it holds."""
        seq = fresh_seq()
        names = [
            keys.run(connection, fence.run, "backlog"),
            keys.queue(connection, "rows", "ready"),
            *(keys.queue(connection, name, "body") for name in _IN_WINDOW),
        ]
        return int(
            self._store.fenced(
                "fill", fence, connection, names, [CHUNK, seq, seq + mark_of(fence), self._window]
            )
        )

    def _backlog(self, connection: str, run: str) -> int:
        return int(self._store.client.zcard(keys.run(connection, run, "backlog")))

    def _end(self, connection: str, fence: Fence, record: Mapping[str, str]) -> None:
        runs = Runs(self._store, connection)
        # `troubled`: something could not be written for a reason that is nobody's decision.
        whole = runs.record(fence.run).get("troubled") != "1" and all(
            unit.state == "done" and unit.exact for unit in runs.units(fence.run)
        )
        status = PLANNED if record.get("mode") == "plan" else COMPLETE if whole else PARTIAL
        groups, findings = runs.groups(fence.run), runs.findings(fence.run)
        ledgers = {
            "findings_balanced": str(int(findings.balanced)),
            "groups_balanced": str(int(groups.balanced)),
        }
        if not runs.end(fence, status, ledgers):
            return
        self._ended(connection, fence.run, status)
        if status == COMPLETE:
            register = Register(self._store, connection)
            register.update(Fence(fence.epoch), {"last_good": str(int(time.time())), "last_run": fence.run})
        if status == PLANNED:
            self._drop_overlay(connection, fence.run)
            PlanLines(self._store, connection, fence.run).pack()
        self._store.client.unlink(*(keys.run(connection, fence.run, part) for part in _TRANSIENT))

    def _drop_overlay(self, connection: str, run: str) -> None:
        """A plan's groups and stages served to decide on; its lines are what is shown and approved."""
        touched = keys.run(connection, run, "touched")
        names: list[bytes] = []
        for group in self._store.client.sscan_iter(touched, count=500):
            names.append(keys.plan_group(connection, run, octets(group)))
            if len(names) >= _AT_ONCE:
                self._store.client.unlink(*names)
                names.clear()
        for unit in Runs(self._store, connection).units(run):
            key, parts = unit_key(unit.unit), ("stage", "ids", "missing")
            names += [keys.staged(connection, run, part, unit.stage, key) for part in parts]
        for start in range(0, len(names), _AT_ONCE):
            self._store.client.unlink(*names[start : start + _AT_ONCE])
