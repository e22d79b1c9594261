"""`python -m deploy.dev.journey READY_JSON`: plan, approve, sync and look at the ledger, in a running stack.

For the compose test, where it runs in a container; the environment is the services' own.
"""

import json
import sys
from pathlib import Path

from deploy.dev.isthmus import CommandFailed, Isthmus, plan_and_approve
from deploy.dev.witness import Witness


def trouble(witness: Witness) -> str:
    """What is wrong by the ledger, or an empty string."""
    incidents = witness.ledger()["tables"]["incident"]
    if not incidents["records"]:
        return "the sync created no ticket"
    if incidents["duplicates"]:
        return f"{incidents['duplicates']} duplicate tickets"
    return ""


def main(arguments: list[str]) -> int:
    """Exit code 0 when tickets stand in ServiceNow, none twice, and a second sync writes nothing."""
    ready = json.loads(Path(arguments[0]).read_text())
    witness = Witness(ready["control"], Path(ready["ca"]))
    isthmus = Isthmus({})
    try:
        plan_and_approve(isthmus)
        isthmus.show("sync", "--wait")
        first = witness.ledger()["tables"]["incident"]
        isthmus.show("sync", "--wait")
    except CommandFailed as error:
        sys.stderr.write(f"journey: {error}\n")
        return 1
    wrong = trouble(witness)
    second = witness.ledger()["tables"]["incident"]
    if not wrong and second["writes"] != first["writes"]:
        wrong = f"a sync of an unchanged world wrote {second['writes'] - first['writes']} times"
    sys.stdout.write(f"journey: {wrong or 'ok'}: {json.dumps(second)}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
