"""The Azure side as control sees it."""

import random
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from services.simulator.azure import limits
from services.simulator.azure.arm import Arm
from services.simulator.azure.bearer import TokenMint
from services.simulator.azure.changes import Changes, matches
from services.simulator.azure.entra import Entra
from services.simulator.azure.generate import generate
from services.simulator.azure.load import load
from services.simulator.azure.modes import Modes
from services.simulator.azure.state import State
from services.simulator.azure.ticks import text
from services.simulator.azure.world import World
from services.simulator.clock import Clock
from services.simulator.gate import Gate
from services.simulator.options import AzureOptions


class AzureCloud:
    """Two applications (ARM with Resource Graph, and sign-in) over one state."""

    def __init__(self, options: AzureOptions, gate: Gate, clock: Clock) -> None:
        self._options = options
        mint = TokenMint(options.tenant_id, secrets.token_bytes(32), clock)
        self._state = State(
            build=self._build_world,
            world=self._build_world(),
            modes=Modes(),
            limits=limits.limits(options.limits, {}),
            quota=limits.QueryQuota(clock),
            buckets=limits.TokenBuckets(clock),
            mint=mint,
            gate=gate,
            clock=clock,
            rng=random.Random(options.seed),
        )
        self._changes = Changes(self._state)
        self._arm = Arm(self._state)
        self._entra = Entra(options.tenant_id, options.client_id, options.client_secret, mint, gate, clock)

    def _build_world(self) -> World:
        options = self._options
        if options.load is not None:
            return load(options.load, options.tenant_id, options.seed)
        return generate(options.tenant_id, options.seed, options.findings)

    @property
    def arm_app(self) -> web.Application:
        return self._arm.app

    @property
    def login_app(self) -> web.Application:
        return self._entra.app

    @property
    def state(self) -> State:
        return self._state

    def change(self, op: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one op; answers what it changed. Raises ValueError with a sentence."""
        return self._changes.apply(op)

    def set_mode(self, name: str, value: Any) -> None:
        """Switch churn or malice. Raises ValueError for an unknown name."""
        self._state.modes.set(name, value)

    def modes(self) -> Mapping[str, Any]:
        return self._state.modes.all()

    def set_limits(self, mode: str, overrides: Mapping[str, Any]) -> None:
        """None or realistic, with fields of `limits.Limits` overridden. Raises ValueError."""
        self._state.limits = limits.limits(mode, overrides)
        self._state.quota = limits.QueryQuota(self._state.clock)
        self._state.buckets = limits.TokenBuckets(self._state.clock)

    def findings(self, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Ground truth of every finding that exists now, filtered by equal values (see changes.matches)."""
        world = self._state.world
        groups = {
            (one.id, name.lower()): tags
            for one in world.subscriptions.values()
            for name, tags in one.resource_groups.items()
        }
        for finding in world.all_findings():
            if not matches(finding, query):
                continue
            recommendation, resource = finding.recommendation, finding.resource
            yield {
                "id": finding.id,
                "code": finding.code,
                "cause": finding.cause,
                "risk": finding.risk,
                "severity": recommendation.severity,
                "categories": list(recommendation.categories),
                "preview": recommendation.preview,
                "recommendation": recommendation.key,
                "title": recommendation.title,
                "recommendation_token": recommendation.token,
                "subscription": resource.subscription.id,
                "subscription_name": resource.subscription.name,
                "subscription_token": resource.subscription.token,
                "management_group": resource.subscription.group.name,
                "resource": resource.id,
                "resource_name": resource.name,
                "resource_token": resource.token,
                "resource_type": resource.type,
                "source": resource.source,
                "tags": resource.tags or {},
                "group_tags": groups.get((resource.subscription.id, resource.group.lower()), {}),
                "subscription_tags": resource.subscription.tags,
                "account": resource.connector.account if resource.connector else None,
                "account_token": resource.connector.token if resource.connector else None,
                "status_changed": text(finding.changed),
            }

    def reset(self) -> None:
        """The seed's world, no modes, the start's limits. Tokens stay valid."""
        state = self._state
        version = state.world.version + 1
        state.world = state.build()
        state.world.version += version
        state.modes = Modes()
        self.set_limits(self._options.limits, {})
