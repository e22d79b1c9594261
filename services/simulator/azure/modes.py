"""Churn and malice that control switches on and off."""

from collections.abc import Mapping
from typing import Any

from services.simulator.azure.churn import NAMES as CHURN_NAMES
from services.simulator.azure.churn import Churn

NAMES = (*CHURN_NAMES, "row_twice", "row_missing", "role_lost", "results_truncated", "row_padding")


class Modes:
    """All off at start. A fresh reading (a first page) takes the next salt."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = dict.fromkeys(NAMES, False)
        self._salt = 0

    def set(self, name: str, value: Any) -> None:
        """`role_lost` takes true, "all", or {"subscriptions": [ids] | "all"}, `row_padding` characters.

        Raises ValueError.
        """
        if name not in self._values:
            raise ValueError(f"azure has no mode {name!r}; it has {', '.join(NAMES)}")
        self._values[name] = value

    def all(self) -> Mapping[str, Any]:
        return dict(self._values)

    def on(self, name: str) -> bool:
        return bool(self._values[name])

    def padding(self) -> int:
        """Characters by which `connectorId` is longer in every row."""
        return int(self._values["row_padding"])

    def number(self, name: str) -> int:
        """How many rows a mode concerns: true is one."""
        return int(self._values[name])

    def next_salt(self) -> int:
        self._salt += 1
        return self._salt

    def churn(self, salt: int) -> Churn:
        return Churn(salt, **{name: self.on(name) for name in CHURN_NAMES})

    def role_lost(self, subscription_id: str) -> bool:
        """True when nothing in the subscription can be read any more."""
        value = self._values["role_lost"]
        if not value:
            return False
        chosen = value.get("subscriptions", "all") if isinstance(value, dict) else value
        if isinstance(chosen, list):
            return subscription_id.lower() in {str(item).lower() for item in chosen}
        return True

    def container_hidden(self, subscription_id: str) -> bool:
        """A lost role hides the subscription itself too, unless the mode says {"keep_container": true}."""
        value = self._values["role_lost"]
        kept = isinstance(value, dict) and bool(value.get("keep_container"))
        return self.role_lost(subscription_id) and not kept
