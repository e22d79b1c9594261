"""ARM's read quota: headers of an answer, or 429."""

from services.simulator.azure.errors import arm
from services.simulator.azure.model import Subscription
from services.simulator.azure.state import State


def reads(state: State, client_id: str, subscription: Subscription | None) -> dict[str, str]:
    """Take one read from the subscription's bucket (or the tenant's). Raises Refusal (429) with Retry-After.

    Headers as in a real sample of 2025-05-01: 249 and 3749 remaining after the first read (defender-api §4).
    """
    kind = "subscription" if subscription else "tenant"
    scope = subscription.id if subscription else state.world.tenant_id
    take = state.buckets.take(scope, client_id, state.limits)
    shared = state.buckets.take(scope, "", state.limits, factor=15)
    if not (take.allowed and shared.allowed):
        seconds = max(1, int(max(take.resets, shared.resets)))
        raise arm(
            429,
            f"{kind.capitalize()}RequestsThrottled",
            f"Number of 'read' requests for {kind} '{scope}' actor '{client_id}' exceeded. Please "
            "try again after "
            f"'{seconds}' seconds after additional tokens are available. Refer to "
            "https://aka.ms/arm-throttling for "
            "additional information.",
            {"Retry-After": str(seconds), f"x-ms-ratelimit-remaining-{kind}-reads": "0"},
        )
    return {
        f"x-ms-ratelimit-remaining-{kind}-reads": str(take.remaining),
        f"x-ms-ratelimit-remaining-{kind}-global-reads": str(shared.remaining),
    }
