"""What the connection allows at this moment, as `decide` wants to know it."""

from dataclasses import dataclass

from common.rules.effective import EffectiveRule
from services.mapper.decide import Context, Reason
from services.mapper.run_view import RunView


@dataclass(frozen=True, slots=True)
class Contexts:
    """Contexts of one run: alike but for rules that stay in plan, and for groups that a person released."""

    usual: Context
    blocked: Reason | None

    def of(self, rule: EffectiveRule, *, released: bool) -> Context:
        return Context(
            close_codes=self.usual.close_codes,
            plan_mode=rule.stays_plan,
            creates_blocked=None if released and self.blocked is Reason.STATE_LOST else self.blocked,
            tables=self.usual.tables,
        )


def contexts(view: RunView) -> Contexts:
    """Read from the register and the instance's facts.

    No create without links that were rebuilt in this incarnation (promise 5); after a loss of Redis creates
    wait for a person.
    """
    blocked = None
    if not view.plan:
        if not view.register.links_rebuilt(view.fence.epoch):
            blocked = Reason.LINKS_NOT_REBUILT
        elif view.register.get("recovered") == "1":
            blocked = Reason.STATE_LOST
    codes = view.directory.instance().close_codes
    return Contexts(Context(close_codes=codes or ()), blocked)
