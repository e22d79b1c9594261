"""What happens in Azure while nobody asks us.

Fixes, regressions, new and deleted resources, moved subscriptions.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.simulator.azure import resources, ticks
from services.simulator.azure.fill import FACTORS, RISKS, Filler
from services.simulator.azure.model import Finding, Resource, Subscription
from services.simulator.azure.selection import choose
from services.simulator.azure.state import State
from services.simulator.azure.tokens import token

_EXEMPT = "The resource is exempt from this recommendation ({})"


class Changes:
    """Each op answers `{"op", "changed": [ids], ...}`.

    Raises ValueError with a sentence for what can't be done. Candidates can be narrowed with `subscription`,
    `recommendation` (key or token), `resource` (id or token), `code` and what else `matches` knows.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._ops: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "fix": lambda op: self._status(op, "Unhealthy", "Healthy", None, None),
            "unfix": lambda op: self._status(op, "Healthy", "Unhealthy", None, None),
            "exempt": self._exempt,
            "not_applicable": lambda op: self._status(
                op, "Unhealthy", "NotApplicable", "OffByPolicy", "The effective policy was evaluated to off"
            ),
            "raise_risk": self._raise_risk,
            "delete_resource": self._delete_resource,
            "new_finding": self._new_finding,
            "retire_recommendation": lambda op: self._retire(op, retired=True),
            "restore_recommendation": lambda op: self._retire(op, retired=False),
            "move_subscription": self._move,
            "disable_subscription": lambda op: self._set_state(op, "Disabled"),
            "enable_subscription": lambda op: self._set_state(op, "Enabled"),
            "remove_subscription": self._remove,
            "add_subscription": self._add,
        }

    def apply(self, op: Mapping[str, Any]) -> dict[str, Any]:
        name = str(op.get("op"))
        action = self._ops.get(name)
        if action is None:
            raise ValueError(f"azure has no op {name!r}; it has {', '.join(self._ops)}")
        answer = {"op": name, **action(op)}
        self._state.world.version += 1
        return answer

    def _findings(self, op: Mapping[str, Any], code: str | None = None) -> list[Finding]:
        if "ids" in op or "id" in op:
            given = [self._state.world.finding(str(item)) for item in (op.get("ids") or [op["id"]])]
            return [finding for finding in given if finding is not None]
        narrowed = dict(op) if code is None else {"code": code, **op}
        return [item for item in self._state.world.all_findings() if matches(item, narrowed)]

    def _chosen(self, op: Mapping[str, Any], code: str | None = None) -> list[Finding]:
        found = self._findings(op, code)
        if "ids" in op or "id" in op:
            return choose(op, found, {finding.id.lower(): finding for finding in found})
        return choose(op, found, {})

    def _status(
        self, op: Mapping[str, Any], before: str, after: str, cause: str | None, description: str | None
    ) -> dict[str, Any]:
        chosen = self._chosen(op, before)
        now = self._now()
        for finding in chosen:
            finding.code, finding.cause, finding.description, finding.changed = after, cause, description, now
        return _changed(finding.id for finding in chosen)

    def _exempt(self, op: Mapping[str, Any]) -> dict[str, Any]:
        category = str(op.get("category", "waiver")).capitalize()
        if category not in {"Waiver", "Mitigated"}:
            raise ValueError("exempt: category must be waiver or mitigated")
        return self._status(op, "Unhealthy", "NotApplicable", "Exempt", _EXEMPT.format(category))

    def _raise_risk(self, op: Mapping[str, Any]) -> dict[str, Any]:
        level = str(op.get("level", "Critical"))
        if level not in RISKS:
            raise ValueError(f"raise_risk: level must be one of {', '.join(RISKS)}")
        candidates = [
            finding
            for finding in self._findings(op, "Unhealthy")
            if finding.risk is not None and RISKS.index(finding.risk) < RISKS.index(level)
        ]
        chosen = choose(op, candidates, {finding.id.lower(): finding for finding in candidates})
        for finding in chosen:
            finding.risk, finding.factors = level, finding.factors or FACTORS[:2]
        return _changed(finding.id for finding in chosen)

    def _delete_resource(self, op: Mapping[str, Any]) -> dict[str, Any]:
        world = self._state.world
        if "ids" in op or "id" in op:
            candidates = list(world.resources.values())
        else:
            candidates = list({finding.resource: None for finding in self._findings(op)})
        candidates = [item for item in candidates if item.kind != "subscription"]
        chosen: list[Resource] = choose(op, candidates, {item.id.lower(): item for item in candidates})
        gone = [finding.id for resource in chosen for finding in resource.findings.values()]
        for resource in chosen:
            world.remove_resource(resource)
        return {**_changed(resource.id for resource in chosen), "findings": gone}

    def _new_finding(self, op: Mapping[str, Any]) -> dict[str, Any]:
        """New Unhealthy findings on new resources, or of one `recommendation` on existing `resource`s."""
        world = self._state.world
        rng = random.Random(f"{op.get('seed', 0)}/{world.version}")
        subscriptions = [
            item for item in world.subscriptions.values() if item.id == op.get("subscription", item.id)
        ]
        if not subscriptions:
            raise ValueError(f"new_finding: no subscription {op.get('subscription')!r}")
        made: list[Finding] = []
        filler = Filler(world, self._state.clock.now())
        for number in range(int(op.get("count", 1))):
            made += filler.fill(subscriptions[number % len(subscriptions)], 1, rng)
        now = self._now()
        for finding in made:
            finding.code, finding.cause, finding.description = "Unhealthy", None, None
            finding.changed = finding.first = now
        return _changed(finding.id for finding in made)

    def _retire(self, op: Mapping[str, Any], *, retired: bool) -> dict[str, Any]:
        world = self._state.world
        items = [item for item in world.recommendations.values() if item.retired is not retired]
        chosen = choose(op, items, {item.key: item for item in items} | {item.token: item for item in items})
        for item in chosen:
            item.retired = retired
        for subscription in world.subscriptions.values():
            world.touch(subscription, rows=True)
        return _changed(item.key for item in chosen)

    def _subscriptions(self, op: Mapping[str, Any]) -> list[Subscription]:
        items = list(self._state.world.subscriptions.values())
        return choose(
            op, items, {item.id.lower(): item for item in items} | {item.token: item for item in items}
        )

    def _move(self, op: Mapping[str, Any]) -> dict[str, Any]:
        group = self._state.world.groups.get(str(op.get("to", "")).lower())
        if group is None:
            raise ValueError(f"move_subscription: `to` must be one of {', '.join(self._state.world.groups)}")
        chosen = self._subscriptions(op)
        for subscription in chosen:
            subscription.group = group
        return _changed(subscription.id for subscription in chosen)

    def _set_state(self, op: Mapping[str, Any], value: str) -> dict[str, Any]:
        chosen = self._subscriptions(op)
        for subscription in chosen:
            subscription.state = value
        return _changed(subscription.id for subscription in chosen)

    def _remove(self, op: Mapping[str, Any]) -> dict[str, Any]:
        chosen = self._subscriptions(op)
        for subscription in chosen:
            for resource in list(subscription.resources):
                self._state.world.resources.pop(resource.id.lower(), None)
            del self._state.world.subscriptions[subscription.id]
        return _changed(subscription.id for subscription in chosen)

    def _add(self, op: Mapping[str, Any]) -> dict[str, Any]:
        """One new subscription with `findings` findings under management group `to`."""
        world = self._state.world
        rng = random.Random(f"{op.get('seed', 0)}/add/{world.version}")
        group = world.groups.get(str(op.get("to", "corp")).lower()) or next(iter(world.groups.values()))
        mark = token("s", rng)
        subscription = Subscription(
            resources.guid(rng),
            f"Newly joined {mark}",
            mark,
            group,
            "Enabled",
            {},
            bool(op.get("cspm", True)),
        )
        world.subscriptions = dict(sorted({**world.subscriptions, subscription.id: subscription}.items()))
        Filler(world, self._state.clock.now()).fill(subscription, int(op.get("findings", 20)), rng)
        return _changed([subscription.id])

    def _now(self) -> int:
        return ticks.ticks(self._state.clock.now(), self._state.rng.randrange(10))


def matches(finding: Finding, query: Mapping[str, Any]) -> bool:
    """True when the finding has all values that the query names."""
    recommendation, resource = finding.recommendation, finding.resource
    allowed: dict[str, set[str | None]] = {
        "subscription": {resource.subscription.id, resource.subscription.token},
        "recommendation": {recommendation.key, recommendation.token},
        "resource": {resource.id, resource.token},
        "code": {finding.code},
        "risk": {finding.risk},
        "severity": {recommendation.severity},
        "kind": {resource.kind},
        "source": {resource.source},
    }
    return all(query[name] in values for name, values in allowed.items() if name in query)


def _changed(ids: Iterable[str]) -> dict[str, Any]:
    changed = list(ids)
    return {"changed": changed, "count": len(changed)}
