"""Starting a run: what speaks against it is told in a run record, so that whoever waits for it sees it."""

import time

from common.errors import Fatal, Skip
from common.messages import StartRun
from common.observe import names
from common.observe.logs import log
from common.rules.loader import load_rules
from common.rules.ruleset import RuleSet
from common.settings.connection import Connection
from common.state import keys
from common.state.approvals import Approvals
from common.state.links import Links
from common.state.runs import FAILED
from services.collector.context import Context
from services.collector.desk import Desk
from services.collector.waiting_rules import waiting


class Refusal(Skip):
    """The run may not start."""


def check(connection: Connection, desk: Desk, mode: str) -> None:
    """Raises Refusal when a run of this mode may not start now."""
    name = connection.id
    if not connection.enabled:
        raise Refusal(
            "disabled", f"Connection {name} is disabled in connections.yaml; set `enabled: true` to run it."
        )
    if desk.register.paused():
        raise Refusal(
            "paused", f"Connection {name} is paused; `isthmus connections resume {name}` lets it go on."
        )
    # While the links are not rebuilt nobody knows whether the connection is new or Redis was lost: the run
    # reads the tickets and ends by itself if there are none.
    known = desk.register.links_rebuilt(desk.store.epoch())
    if mode == "live" and known and not Approvals(desk.register).any() and not desk.register.get("recovered"):
        raise Refusal(
            "not_approved",
            f"Nothing of connection {name} is approved yet: `isthmus plan` shows what would be written,"
            " and `isthmus runs approve` lets it be.",
        )


class Start:
    """The use-case of a StartRun message."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self, message: StartRun) -> None:
        """Begin the run, or tell why not. Doubled and outdated messages do nothing."""
        connection = self._context.configured(message.connection)
        desk = self._context.desk(message.connection)
        # A record without a status was left by somebody still at work on a run that a lost Redis had.
        if desk.runs.record(message.run).get("status"):
            return
        good = int(desk.register.get("last_good") or "0")
        if message.unless_good_since and good >= message.unless_good_since:
            log("collector").info("not_needed", connection=connection.id, run=message.run, last_good=good)
            return
        try:
            check(connection, desk, message.mode)
            written = load_rules(connection.rules)
        except (Refusal, Fatal) as error:
            self._refuse(desk, message, error.reason, str(error))
            return
        self._begin(desk, message, written)

    def _begin(self, desk: Desk, message: StartRun, written: RuleSet) -> None:
        rules = Approvals(desk.register).for_run(message.mode, written)
        fields = {
            "mode": message.mode,
            "requested_by": message.requested_by,
            "why": message.reason,
            "rules_hash": rules.hash,
        }
        epoch = self._context.store.epoch()
        current = self._context.flow.start_run(desk.connection, epoch, message.run, fields, rules.to_json())
        if current == message.run:
            if message.mode == "live":
                self._tell_waiting(desk, message.run, rules, written)
            log("collector").info(
                "run_started", connection=desk.connection, run=message.run, mode=message.mode
            )
            return
        if message.unless_good_since:  # the scheduler asks again; a record each time would be noise
            log("collector").info("already_running", connection=desk.connection, run=current)
            return
        self._refuse(desk, message, "already_running", f"Run {current} is under way; this one was not begun.")

    @staticmethod
    def _tell_waiting(desk: Desk, run: str, approved: RuleSet, written: RuleSet) -> None:
        links = (link for _, link in Links(desk.store, desk.connection).scan())
        if sentence := waiting(approved, written, links):
            desk.runs.tell(run, "rules_waiting", sentence)

    def _refuse(self, desk: Desk, message: StartRun, reason: str, sentence: str) -> None:
        """Leave a failed run's record."""
        now = int(time.time())
        desk.runs.annotate(
            message.run,
            {
                "status": FAILED,
                "reason": reason,
                "mode": message.mode,
                "requested_by": message.requested_by,
                "started": str(now),
                "ended": str(now),
            },
        )
        desk.runs.tell(message.run, reason, sentence)
        client = self._context.store.client
        client.sadd(keys.CONNECTIONS, desk.connection)
        client.zadd(keys.runs(desk.connection), {message.run: now})
        self._context.metrics.count(names.RUNS, desk.connection, FAILED)
        log("collector").warning(
            "run_refused", connection=desk.connection, run=message.run, reason=reason, why=sentence
        )
