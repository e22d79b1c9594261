"""How many requests arrived and how they were answered, per route: the witness for quotas and budgets."""

from collections import Counter


class RequestCounts:
    """Batch items count under their own routes besides the batch itself."""

    def __init__(self) -> None:
        self._arrived: Counter[str] = Counter()
        self._answered: Counter[tuple[str, str]] = Counter()

    def arrived(self, route: str) -> None:
        self._arrived[route] += 1

    def answered(self, route: str, outcome: int | str) -> None:
        """An HTTP status, or `aborted` where the connection was cut instead of an answer."""
        self._answered[route, str(outcome)] += 1

    def snapshot(self) -> dict[str, dict[str, int] | dict[str, dict[str, int]]]:
        """`routes`: arrivals per route, held ones included; `statuses`: answers per route and status."""
        statuses: dict[str, dict[str, int]] = {}
        for (route, outcome), count in sorted(self._answered.items()):
            statuses.setdefault(route, {})[outcome] = count
        return {"routes": dict(sorted(self._arrived.items())), "statuses": statuses}

    def reset(self) -> None:
        self._arrived.clear()
        self._answered.clear()
