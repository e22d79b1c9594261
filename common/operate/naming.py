"""Grouping values as people call them: titles of recommendations, names of subscriptions."""

from collections.abc import Mapping
from functools import cached_property

from common.model.finding import Subscription
from common.state.directory import Directory
from common.state.store import Store


class Naming:
    """Names of one connection, read when they are first asked for."""

    def __init__(self, store: Store, connection: str) -> None:
        self._directory = Directory(store, connection)
        self._titles: dict[str, str] = {}

    @cached_property
    def _subscriptions(self) -> dict[str, Subscription]:
        return self._directory.subscriptions()

    def names(self, grouping: Mapping[str, str]) -> dict[str, str]:
        """Dimension -> text for people, where the value is an id that is known."""
        found = {name: self._name(name, value) for name, value in grouping.items()}
        return {name: text for name, text in found.items() if text}

    def about(self, grouping: Mapping[str, str]) -> str:
        """A group in one line."""
        names = self.names(grouping)
        return ", ".join(names.get(name) or value for name, value in grouping.items() if value)

    def _name(self, dimension: str, value: str) -> str:
        if dimension == "recommendation":
            return self._title(value)
        if dimension.startswith("subscription"):
            known = self._subscriptions.get(value)
            return known.name if known else ""
        return ""

    def _title(self, key: str) -> str:
        if key not in self._titles:
            found = self._directory.recommendation(key)
            self._titles[key] = found.title if found else ""
        return self._titles[key]
