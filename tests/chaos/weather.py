"""Conditions that last for an act: answers get lost, batches are cut, rows come twice."""

from collections.abc import Callable, Mapping

from tests.chaos.pace import Pace
from tests.chaos.rules import RENAMED, RULES
from tests.stack import Stack

Weather = Callable[[Stack, Pace], None]


def _fault(route: str, kind: str, share: float, **params: object) -> Weather:
    def on(stack: Stack, pace: Pace) -> None:
        del pace
        stack.simulator.fault(route, kind, times=None, probability=share, params=params)

    return on


def _late(stack: Stack, pace: Pace) -> None:
    """The instance carries creates out long after the client gave up, within its own limit."""
    seconds = {"seconds": pace.server_limit * 0.6}
    stack.simulator.fault("servicenow.table.create", "commit_late", times=3, probability=0.05, params=seconds)


def _modes(**modes: object) -> Weather:
    return lambda stack, _pace: stack.modes(**modes)


CREATE, BATCH, ARG = "servicenow.table.create", "servicenow.batch", "arg.query"
WEATHER: Mapping[str, Weather] = {
    "answers of creates lost": _fault(CREATE, "reset_after_commit", 0.02),
    "500 after a commit": _fault(CREATE, "500_after_commit", 0.02),
    "403 after an insert": _fault(CREATE, "403_after_insert", 0.02),
    "answers of batches lost": _fault(BATCH, "reset_after_commit", 0.1),
    "batches cut": _fault(BATCH, "truncated_200", 0.1),
    "unserviced requests": _fault(BATCH, "unserviced", 0.2, count=7),
    "late commits": _late,
    "sys_id ignored": _modes(sys_id_ignored=True),
    "pages fail": _fault(ARG, "500_before", 0.03),
    "pages cut": _fault(ARG, "truncated_200", 0.03),
    "rows twice": _modes(row_twice=True),
    "case flips": _modes(case_flips=True, order_churn=True),
    "times churn": _modes(timestamp_churn=True, risk_path_churn=True),
    "an unapproved rule file": lambda stack, _pace: stack.write_rules(RENAMED),
}
_CHURN = ("row_twice", "case_flips", "order_churn", "timestamp_churn", "risk_path_churn")


def clear(stack: Stack) -> None:
    """Blue sky; an instance that ignores sys_ids goes on doing so."""
    stack.simulator.control("DELETE", "/faults")
    stack.modes(**dict.fromkeys(_CHURN, False))
    stack.write_rules(RULES)
