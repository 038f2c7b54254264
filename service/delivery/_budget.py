"""How much of an org's API allowance deliveries may still use: a pure decision.

Money first: when the share runs low, lines and history wait and the records people look at for money do not.
"""

from enum import Enum

# What a person asks about first; records of the customer's (an Opportunity's payment status) count as these too.
URGENT = ("Payment__c", "Refund__c", "Dispute__c", "Payout__c")
_LOW_PERCENT = 80
# Others may have used the org up while our own share is hardly touched.
_ORG_LOW_PERCENT = 95


class Allowance(Enum):
    """What may be sent now."""

    ALL = "all"
    URGENT_ONLY = "urgent only"
    NOTHING = "nothing"


def allowance(*, made: int, usage: tuple[int, int] | None, share_percent: int) -> Allowance:
    """Decide.

    Args:
        made: our calls of the last 24 hours.
        usage: everybody's calls of the last 24 hours and the org's limit, as Salesforce last said; None if it did not.
        share_percent: our share of the limit.
    """
    if usage is None or usage[1] <= 0:
        return Allowance.ALL
    used, limit = usage
    ours = limit * share_percent
    if made * 100 >= ours:
        return Allowance.NOTHING
    if made * 100 * 100 >= ours * _LOW_PERCENT or used * 100 >= limit * _ORG_LOW_PERCENT:
        return Allowance.URGENT_ONLY
    return Allowance.ALL
