"""What single standard objects do beyond storing fields: derived values, sums, and refusals.

A rule sees the row before and after a change and may alter the new row; it never reads a request.
"""

from counterfoil_sandbox.salesforce.rules.base import Rule, Writer
from counterfoil_sandbox.salesforce.rules.opportunity import OpportunityLineItemRule, OpportunityRule
from counterfoil_sandbox.salesforce.rules.order import OrderItemRule, OrderRule
from counterfoil_sandbox.salesforce.rules.simple import PersonRule, PricebookEntryRule, TaskRule

__all__ = ["RULES", "Rule", "Writer"]

RULES: dict[str, Rule] = {
    "Contact": PersonRule(),
    "User": PersonRule(),
    "Opportunity": OpportunityRule(),
    "OpportunityLineItem": OpportunityLineItemRule(),
    "Order": OrderRule(),
    "OrderItem": OrderItemRule(),
    "PricebookEntry": PricebookEntryRule(),
    "Task": TaskRule(),
}
