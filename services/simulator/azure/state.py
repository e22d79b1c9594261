"""What all Azure handlers share: the world and everything that decides how it is shown."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from services.simulator.azure.bearer import TokenMint
from services.simulator.azure.limits import Limits, QueryQuota, TokenBuckets
from services.simulator.azure.model import Subscription
from services.simulator.azure.modes import Modes
from services.simulator.azure.world import World
from services.simulator.clock import Clock
from services.simulator.gate import Gate


@dataclass(slots=True)
class State:
    """Mutable: `reset` puts a new world and new modes here.

    `build` makes the world of the seed or of --load.
    """

    build: Callable[[], World]
    world: World
    modes: Modes
    limits: Limits
    quota: QueryQuota
    buckets: TokenBuckets
    mint: TokenMint
    gate: Gate
    clock: Clock
    rng: random.Random

    def readable(self) -> list[Subscription]:
        """The subscriptions in which the principal still has a role, in order of id."""
        return [item for item in self.world.subscriptions.values() if not self.modes.role_lost(item.id)]

    def listed(self) -> list[Subscription]:
        """The subscriptions that the principal can see at all."""
        return [
            item for item in self.world.subscriptions.values() if not self.modes.container_hidden(item.id)
        ]
