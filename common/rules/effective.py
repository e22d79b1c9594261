"""Rules as the services use them: resolved, frozen, with a digest of their content."""

import hashlib
import json
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

ASSIGNED_AT_ONCE = 0
ASSIGNED_NEVER = -1


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conditions(Frozen):
    """What a finding must be. An empty tuple asks nothing; texts are lower case and may hold `*`."""

    kind: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()
    risk_missing: Literal["unknown", "skip"] = "unknown"
    category: tuple[str, ...] = ()
    model: Literal["grouped", "individual", "both"] = "grouped"
    preview: Literal["never", "only", "any"] = "never"
    subscription: tuple[str, ...] = ()
    management_group: tuple[str, ...] = ()
    cloud: tuple[str, ...] = ()
    cloud_account: tuple[str, ...] = ()
    resource_type: tuple[str, ...] = ()
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    recommendation: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    max_age: int | None = None
    is_incident: bool | None = None


class Codes(Frozen):
    """Preferred values of `close_code`, best first."""

    solution: tuple[str, ...]
    workaround: tuple[str, ...]
    no_resolution: tuple[str, ...]


class ResolvePolicy(Frozen):
    """`quiet` in seconds; `assigned` and `waiver`: seconds to wait, 0 at once, -1 never; `max_share` of 1."""

    on: Literal["healthy", "never"]
    quiet: int
    assigned: int
    waiver: int
    gone: Literal["asked_again", "hold"]
    max_share: float
    max_count: int
    codes: Codes


class ReopenPolicy(Frozen):
    """`flap_after` reopenings within `flap_within` seconds brake; `leave_codes` mean "leave me alone"."""

    incident_from: tuple[int, ...]
    flap_after: int
    flap_within: int
    leave_codes: tuple[str, ...]


class ClosedPolicy(Frozen):
    """What happens when a person closes a ticket whose findings stay open: wait seconds, then."""

    wait: int
    then: Literal["reopen", "hold", "leave"]


class CapPolicy(Frozen):
    """Creates per run and per hour of one rule; None is no cap."""

    per_rule_and_run: int | None
    per_hour: int | None


class TicketPolicy(Frozen):
    """What a ticket is made of. `urgency` is (level, urgency) pairs with `default` last; `due` in seconds."""

    type: str
    impact: int
    urgency: tuple[tuple[str, int], ...]
    priority_floor: int
    due: int | None
    assign: tuple[str, ...]
    caller: str
    disclose: Literal["summary", "full"]
    set_on_create: tuple[tuple[str, str], ...] = ()
    set_on_resolve: tuple[tuple[str, str], ...] = ()
    notes_per_day: int
    shown: int
    rest: Literal["attachment_csv", "count"]
    templates: tuple[tuple[str, str], ...] = ()


class EffectiveRule(Frozen):
    """One rule, with every default merged in.

    `stays_plan` is the rule's own `mode: plan`: no approval makes it write. `mode` is what a rule starts in.
    `skip` is the reason with which what matches is left out, or "".
    """

    version: int
    id: str
    mode: Literal["plan", "live"]
    stays_plan: bool
    skip: str
    when: Conditions
    affected_at_least: int
    min_age: int
    group: tuple[str, ...]
    ticket: TicketPolicy
    resolve: ResolvePolicy
    reopen: ReopenPolicy
    closed_while_unhealthy: ClosedPolicy
    deleted_by_person: Literal["hold", "successor"]
    cap: CapPolicy

    @cached_property
    def hash(self) -> str:
        """16 hex digits over the whole content: what an approval names."""
        return content_digest(self.model_dump(mode="json"))

    @cached_property
    def text_hash(self) -> str:
        """6 hex digits over what an open ticket's lasting texts are made from; notes are none of them."""
        ticket = self.ticket
        lasting = [pair for pair in ticket.templates if pair[0] in ("short_description", "description")]
        return content_digest([lasting, ticket.disclose, ticket.shown])[:6]

    @cached_property
    def tags_to_match(self) -> frozenset[str]:
        """Tags (lower case) that decide whether and into which group a finding falls."""
        grouped = (d.removeprefix("tag:") for d in self.group if d.startswith("tag:"))
        return frozenset([*(name for name, _ in self.when.tags), *(() if self.skip else grouped)])

    @cached_property
    def tags_to_assign(self) -> frozenset[str]:
        """Tags (lower case) that name an assignment group; needed only where a ticket is made."""
        chain = () if self.skip else self.ticket.assign
        return frozenset(a.removeprefix("tag:").lower() for a in chain if a.startswith("tag:"))


def content_digest(value: object) -> str:
    """16 hex digits over the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
