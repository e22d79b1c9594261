"""Plays a seed's schedule over a running stack, lets it come to rest, and judges it."""

import random
import signal
import sys
import time
from typing import Self

from common.model.decision import Outcome
from common.operate.errors import Refused
from common.operate.starting import ALREADY_RUNNING
from common.state import keys
from common.state.flow import QUEUES
from common.state.queue import WorkQueue
from tests.chaos import redis_faults, weather
from tests.chaos.calm import calm
from tests.chaos.healing import Healing
from tests.chaos.keeper import Keeper
from tests.chaos.pace import Pace
from tests.chaos.points import Caught, arm
from tests.chaos.reasons import reasons
from tests.chaos.rules import RULES
from tests.chaos.schedule import Act, Blow
from tests.chaos.strikes import STRIKES
from tests.chaos.world import stir
from tests.stack import CONNECTION, Stack
from tests.stack_run import Finished
from tests.stack_witness import Accounting

_CREATES_AFTER_DUMP = 2000
_SYNCS = 8
_SOON = 20.0  # seconds


class Play:
    """One seed on one stack. `wrong` has a sentence for each promise that was seen broken on the way."""

    def __init__(self, stack: Stack, pace: Pace, seed: int) -> None:
        self._stack = stack
        self._pace = pace
        self._rng = random.Random(seed)
        self._keeper = Keeper(stack)
        self._began = time.monotonic()
        self._run = ""
        self._released = True
        self.healing = Healing(stack)
        self.wrong: list[str] = []
        self.struck = self.missed = 0

    def __enter__(self) -> Self:
        """Plan and approve; from now on what ends is started again."""
        self._stack.approve(self._stack.plan(seconds=self._pace.patience).run)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.stop()

    # acts

    def act(self, act: Act) -> None:
        """One act: its blows in the midst of runs, then runs until one ends well."""
        self._say(f"act: {', '.join(act.weather)}")
        for name in act.weather:
            weather.WEATHER[name](self._stack, self._pace)
        if act.restore:
            self._keep_dump()
        for blow in act.blows:
            self.blow(blow)
        if act.restore:
            self._restore()
        self._settle()
        for name in act.calms:
            self._calm(name)

    def blow(self, blow: Blow) -> bool:
        """Catch somebody at the point, in the run under way or in a new one; answers whether one came."""
        rng = random.Random(blow.seed)
        caught = arm(self._stack, blow.point, rng)
        who, ends = "", time.monotonic() + self._pace.returned + 15
        while not who and time.monotonic() < ends and not self._only_waits():
            self._under_way()
            who = caught.wait(2)
        if not who:
            caught.release(drop=False)
            self.missed += 1
            self._say(f"missed: {blow.what} {blow.point}")
            return False
        self.struck += 1
        self._say(f"{blow.what} {blow.point} ({who})")
        if blow.what in STRIKES:
            STRIKES[blow.what](self._stack, self._pace, self.healing, who, caught, rng)
        else:
            self._redis(blow.what, caught, rng)
        return True

    def _only_waits(self) -> bool:
        """Nothing is left of the run but creates that wait for the server's own limit: nobody comes soon."""
        queues = [WorkQueue(self._stack.store, CONNECTION, name) for name in QUEUES]
        if not self._is_running() or any(depth.ready + depth.leased for depth in (q.depth() for q in queues)):
            return False
        parked = keys.queue(CONNECTION, "write", "parked")
        soon = (time.time() + _SOON) * 1000
        client = self._stack.client
        return client.zcard(parked) > 0 and client.zcount(parked, "-inf", soon) == 0

    def _redis(self, what: str, caught: Caught, rng: random.Random) -> None:
        redis_faults.REDIS_FAULTS[what](self._stack, self._pace, self.healing, rng)
        if what == "Redis flushed":
            self._begin_again()
        caught.release(drop=False)
        if what == "Redis flushed":
            self._rebuilt()

    def _begin_again(self) -> None:
        """The scheduler asks for the same run again, and somebody is still at work on the old one."""
        self._stack.witnesses[CONNECTION].lost(self._stack.rows())
        self._stack.write_rules(RULES)
        ends = time.monotonic() + self._pace.patience
        while "status" not in self._stack.runs().record(self._run):
            assert time.monotonic() < ends, "nobody began the run again"
            self._stack.repeat(self._run)
            time.sleep(1)

    def _rebuilt(self) -> None:
        """Links are rebuilt, nothing is created before the operator says so."""
        finished = self._end()
        if created := finished.count(Outcome.CREATED):
            self.wrong.append(f"{created} tickets created after a flush without an approval: {finished.run}")
        self._approve(finished)

    def _keep_dump(self) -> None:
        """In the middle of the creates of a run."""
        skip = self._pace.findings // 250
        barrier = self._stack.simulator.barrier("servicenow.table.create", "after", skip=skip)
        self._under_way()
        self._stack.simulator.control("GET", f"/barriers/{barrier}?wait={self._pace.returned + 15}&held=1")
        redis_faults.keep_dump(self._stack)
        self._stack.simulator.release(barrier)
        self._dumped_at = self._stack.simulator.ledger()["records"]

    def _restore(self) -> None:
        ends = time.monotonic() + self._pace.patience
        while self._is_running() and time.monotonic() < ends:
            if self._stack.simulator.ledger()["records"] >= self._dumped_at + _CREATES_AFTER_DUMP:
                break
            time.sleep(0.2)
        made = self._stack.simulator.ledger()["records"] - self._dumped_at
        self._say(f"Redis restored to before {made} creates")
        self._stack.witnesses[CONNECTION].lost(self._stack.rows())
        redis_faults.restore(self._stack, self._pace, self.healing, self._rng)
        # Before people go on: whom they delete a ticket of must be known again.
        self._run = self._stack.begin()

    # runs

    def _is_running(self) -> bool:
        run = self._stack.current()
        return bool(run) and self._stack.runs().record(run).get("status") == "running"

    def _under_way(self) -> None:
        """A run with something to do is under way."""
        if self._is_running():
            self._run = self._stack.current()
            return
        stir(self._stack, self._rng)
        self._run = self._stack.begin()

    def _end(self) -> Finished:
        """The end of the run under way; both ledgers must add up."""
        try:
            finished = self._stack.finish(self._run, seconds=self._pace.patience)
        except AssertionError as error:
            self.wrong.append(str(error).partition("\n")[0])
            return self._stack.finished(self._run)
        if finished.status in ("complete", "partial") and not finished.balanced:
            self.wrong.append(f"the ledgers do not add up: {finished}")
        if finished.status == "complete":
            self._stack.witnesses[CONNECTION].settled()
        return finished

    def _settle(self) -> Finished:
        """Runs end one after the other until one does; what waits for a person is approved."""
        self.healing.wait()
        weather.clear(self._stack)
        if self._is_running():
            self._run = self._stack.current()
            self._approve(self._end())
        return self._sync()

    def _begin(self) -> None:
        """A run of our own; one under way, asked for by a message that came late, is waited for."""
        for _ in range(3):
            self._run = self._stack.begin()
            if self._stack.runs().record(self._run).get("reason") != ALREADY_RUNNING:
                return
            self._run = self._stack.current()
            self._end()

    def _sync(self) -> Finished:
        self._begin()
        finished = self._end()
        self._approve(finished)
        return finished

    def _approve(self, finished: Finished) -> None:
        if finished.groups.reasons.get("held:state_lost"):
            try:
                released = self._stack.approve(finished.run)
            except Refused:
                return
            self._say(f"approved {released.creates_released} creates")

    def _calm(self, name: str) -> None:
        self._at_rest()
        written = self._stack.writes()
        with calm(self._stack, name):
            self._begin()
            finished = self._end()
        moved = self._stack.writes() - written
        self._say(f"calm: {name}: {finished.status}, {moved} writes")
        if moved:
            self.wrong.append(f"{moved} writes for want of evidence ({name}): {finished}")

    def _at_rest(self) -> None:
        """Sync until one has nothing to write."""
        for _ in range(_SYNCS):
            written = self._stack.writes()
            finished = self._sync()
            if finished.status == "complete" and self._stack.writes() == written:
                return
        self.wrong.append(f"no rest after {_SYNCS} syncs: {finished}")

    # the end

    def quiet(self) -> Accounting:
        """Let everything come to rest; what stands then is compared with what should."""
        self._say("quiet")
        self._settle()
        for service in self._stack.services.values():
            if service.alive:
                service.send(signal.SIGCONT)
        self._at_rest()
        found = self._stack.witness()
        ledger = self._stack.simulator.ledger()
        found.duplicated = max(found.duplicated, ledger["duplicates"])
        found.wrong += len(self.wrong)
        found.problems += [*reasons(self._stack, found.keys[:20]), *self.wrong]
        self.wrong = []
        return found

    def _say(self, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:6.1f} s  {what}\n")
        sys.stderr.flush()
