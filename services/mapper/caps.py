"""Caps on what a run creates, rewrites and resolves. Pure; counted and held as a whole (promise 9)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A cap that would be exceeded: everything that it counts is held."""

    reason: str
    wanted: int
    allowed: int

    def sentence(self, what: str, rule: str) -> str:
        where = f"rule {rule}" if rule else "the connection"
        return (
            f"{where} would {what} {self.wanted} tickets and {self.allowed} are allowed: all are held; "
            "look at them with `isthmus runs show`, let them through with `isthmus runs approve [--up-to N]`"
        )


def creates_of_rule(wanted: int, per_run: int | None) -> Exceeded | None:
    """`wanted` creates of one rule in one run, released ones not counted."""
    if per_run is None or wanted <= per_run:
        return None
    return Exceeded("cap_rule", wanted, per_run)


def rewrites_of_rule(wanted: int, per_run: int | None) -> Exceeded | None:
    """`wanted` tickets of one rule whose texts only would change."""
    if per_run is None or wanted <= per_run:
        return None
    return Exceeded("cap_rewrite", wanted, per_run)


def creates_of_day(wanted: int, today: int, per_day: int | None) -> Exceeded | None:
    """`wanted` creates of all rules in this run, `today` the creates of this day so far."""
    if per_day is None or wanted + today <= per_day or not wanted:
        return None
    return Exceeded("cap_day", wanted, max(0, per_day - today))


def resolves_of_rule(wanted: int, open_tickets: int, max_count: int, max_share: float) -> Exceeded | None:
    """`wanted` resolves of one rule: held only above both the count and the share of its open tickets."""
    if wanted <= max_count or wanted <= max_share * open_tickets:
        return None
    return Exceeded("cap_resolve", wanted, max(max_count, int(max_share * open_tickets)))
