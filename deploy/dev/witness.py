"""The simulator's control API, seen by one who watches both sides and changes them as people would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from common.identity import FOOTER_MARK, Footer, parse_footer

_MARK = "isth:"
_ENDED = ("6", "7", "8")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One of our tickets as it stands in ServiceNow."""

    sys_id: str
    number: str
    state: str
    mod_count: int
    title: str
    urgency: str
    assigned_to: str
    footer: Footer | None

    @property
    def open(self) -> bool:
        return self.state not in _ENDED

    def value(self, dimension: str) -> str:
        """The grouping value of its footer, or an empty string."""
        return dict(self.footer.values).get(dimension, "") if self.footer else ""


Tickets = Mapping[str, Ticket]


class Witness:
    """Reads ground truth and carries out changes on both sides, over HTTPS."""

    def __init__(self, control: str, ca: Path) -> None:
        self._control = control
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca)

    def azure(self, **change: Any) -> dict[str, Any]:
        """Change Azure; answers what was changed."""
        return self._json("POST", "/azure/change", change)

    def person(self, **change: Any) -> dict[str, Any]:
        """Do with tickets what a person would."""
        return self._json("POST", "/servicenow/change", {"table": "incident", **change})

    def ledger(self) -> dict[str, Any]:
        return self._json("GET", "/ledger")

    def requests_reset(self) -> None:
        """Count requests from now on."""
        self._json("POST", "/requests/reset", {})

    def requests(self) -> dict[str, Any]:
        """Requests by route since the last reset."""
        return self._json("GET", "/requests")

    def unhealthy(self) -> int:
        """How many findings are open in Azure."""
        return len(self._lines("/azure/findings?code=Unhealthy"))

    def tickets(self) -> Tickets:
        """Our incidents by sys_id."""
        records = self._lines("/servicenow/tickets?table=incident")
        return {r["sys_id"]: _ticket(r) for r in records if r.get("correlation_id", "").startswith(_MARK)}

    def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        response = self._session.request(method, self._control + path, json=body, timeout=60)
        response.raise_for_status()
        found: dict[str, Any] = response.json() if response.content else {}
        return found

    def _lines(self, path: str) -> list[dict[str, Any]]:
        response = self._session.get(self._control + path, timeout=60)
        response.raise_for_status()
        return [json.loads(line) for line in response.text.splitlines() if line]


def _ticket(record: Mapping[str, str]) -> Ticket:
    text = record.get("description", "")
    return Ticket(
        record["sys_id"],
        record.get("number", ""),
        record.get("state", ""),
        int(record.get("sys_mod_count") or 0),
        record.get("short_description", ""),
        record.get("urgency", ""),
        record.get("assigned_to", ""),
        parse_footer(text) if FOOTER_MARK in text else None,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to our tickets between two looks: sys_ids."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    resolved: tuple[str, ...]
    reopened: tuple[str, ...]
    unchanged: tuple[str, ...]


def compare(before: Tickets, after: Tickets) -> Difference:
    """Resolved and reopened tickets count as that only, not as updated too."""
    both = [sys_id for sys_id in after if sys_id in before]
    resolved = [i for i in both if before[i].open and not after[i].open]
    reopened = [i for i in both if not before[i].open and after[i].open]
    moved = {*resolved, *reopened}
    updated = [i for i in both if i not in moved and after[i].mod_count != before[i].mod_count]
    same = [i for i in both if i not in moved and after[i].mod_count == before[i].mod_count]
    created = [i for i in after if i not in before]
    return Difference(tuple(created), tuple(updated), tuple(resolved), tuple(reopened), tuple(same))
