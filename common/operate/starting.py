"""Asking for runs, and for links to be rebuilt."""

import getpass

from common.messages import StartRun
from common.operate.errors import Refused
from common.run_ids import new_run_id
from common.runtime.post import Post
from common.state.register import Register
from common.state.runs import FAILED, RUNNING, Runs
from common.state.store import Fence, Store

ALREADY_RUNNING = "already_running"


def ask_for_run(post: Post, connection: str, mode: str, by: str, why: str) -> str:
    """Ask the collector for a run; answers its id. Raises Retry `broker_unavailable`."""
    run = new_run_id()
    message = {"connection": connection, "mode": mode, "run": run, "requested_by": by, "reason": why}
    post.start_run(StartRun.model_validate(message))
    return run


def in_its_place(store: Store, connection: str, run: str) -> str:
    """The run under way instead of `run`, which was refused for it; "" when it was not."""
    record = Runs(store, connection).record(run)
    if record.get("status") != FAILED or record.get("reason") != ALREADY_RUNNING:
        return ""
    return Register(store, connection).current_run()


def forget_links(store: Store, connection: str, by: str) -> None:
    """Let the next live run read every ticket again; until then no ticket is created (promise 5).

    Raises Refused while a run is under way: it would declare the links rebuilt without having read them all.
    """
    register = Register(store, connection)
    run = register.current_run()
    if run and Runs(store, connection).record(run).get("status") == RUNNING:
        raise Refused(
            ALREADY_RUNNING,
            f"Run {run} is under way; try again when `isthmus runs show {run}` says it ended.",
        )
    register.update(Fence(store.epoch()), {"rebuilt": ""})
    register.audit("links_rebuild", by, {})


def who_am_i() -> str:
    """The name under which deeds are noted when none is given."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "operator"
