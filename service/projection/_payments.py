"""Payments and their attempts: Payment__c for each payment intent, Charge__c for each charge.

A charge may have been made without a payment intent (docs.stripe.com/api/charges/object): then it is the root of a
family of its own, whose records look up no payment.
"""

from collections.abc import Iterator

from service.domain import SOURCE_OBJECTS, DesiredRecord, Reference
from service.mirror import MirrorRow
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import Family
from service.projection._money import charge_money, charge_status
from service.projection._reporting import reporting_fields
from service.projection._routing import Route
from service.projection._values import Fields, Lane, currency_of, cut, money, reference, unix, when

PAYMENT_RANK, CHARGE_RANK = 0, 1


def payment_of(family: Family) -> Reference | None:
    """Return the lookup to the family's Payment__c, once there is a payment intent."""
    intent = family.intent()
    return reference("Payment__c", intent.object_id) if intent else None


def holds_charges(family: Family) -> bool:
    """Tell whether a family's charges, and what came of them, are records: of a payment, or of a charge without one."""
    return payment_of(family) is not None or is_alone(family)


def is_alone(family: Family) -> bool:
    """Tell whether a family is that of a charge without a payment, not of one whose payment is still to be read."""
    return family.root.object_type == "charge" and family.root.parent_id is None


def charge_of(family: Family, row: MirrorRow) -> Reference | None:
    """Return the lookup to the Charge__c above a row, once that charge is known whole."""
    charge = family.find("charge", row.parent_id)
    return reference("Charge__c", charge.object_id) if charge else None


def payment_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the payment."""
    intent = family.intent()
    if intent is None:
        return
    facts = payment_facts(family)
    trace = intent.traceparent or family.root.traceparent
    fields = _payment(facts, family) | _belonging(lane.route)
    fields |= reporting_fields(facts, family, lane.reporting, lane.book)
    yield lane.record("Payment__c", intent.object_id, fields, PAYMENT_RANK, None, trace)


def charge_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield each attempt to take the money."""
    if not holds_charges(family):
        return
    intent, payment = family.intent(), payment_of(family)
    trace = (intent.traceparent if intent else None) or family.root.traceparent
    for row in family.all("charge"):
        yield lane.record("Charge__c", row.object_id, _charge(family, row, payment), CHARGE_RANK, payment, trace)


def _payment(facts: PaymentFacts, family: Family) -> Fields:
    row = family.intent()
    intent = (row.body if row else None) or {}
    return {
        "Entity__c": facts.entity,
        "Status__c": facts.status.value,
        "Stripe_Status__c": cut(facts.stripe_status, 60),
        "Amount__c": money(facts.amount_minor, facts.currency),
        "Amount_Received__c": money(facts.amount_received_minor, facts.currency),
        "Amount_Refunded__c": money(facts.amount_refunded_minor, facts.currency),
        "Currency_Code__c": facts.currency,
        "Settlement_Amount__c": money(facts.settlement_amount_minor, facts.settlement_currency),
        "Fee__c": money(facts.fee_minor, facts.settlement_currency),
        "Net__c": money(facts.net_minor, facts.settlement_currency),
        "Settlement_Currency__c": facts.settlement_currency,
        "Exchange_Rate__c": facts.exchange_rate,
        "Created_At__c": unix(intent.get("created")),
        "Paid_At__c": when(facts.paid_at),
        "Failure_Code__c": cut(facts.failure_code, 100),
        "Failure_Message__c": cut(facts.failure_message, 255),
        "Stripe_Customer_Id__c": facts.customer_id,
        "Livemode__c": bool(facts.livemode),
        "Request_Id__c": facts.command_id,
    }


def _belonging(route: Route) -> Fields:
    source = SOURCE_OBJECTS.get((route.sale or "")[:3])
    return {
        "Account__c": route.account,
        "Contact__c": route.contact,
        "Opportunity__c": route.sale if source == "Opportunity" else None,
        "Order__c": route.sale if source == "Order" else None,
        "Routing__c": route.state.value if route.state else None,
    }


def _charge(family: Family, row: MirrorRow, payment: Reference | None) -> Fields:
    body = row.body or {}
    became = charge_money(family, row)
    currency = currency_of(body)
    details = body.get("payment_method_details") or {}
    card = details.get("card") or {}
    return {
        "Entity__c": row.entity,
        "Payment__c": payment,
        "Status__c": charge_status(body, became).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount__c": money(body.get("amount"), currency),
        "Amount_Captured__c": money(body.get("amount_captured"), currency),
        "Amount_Refunded__c": money(became.refunded, currency),
        "Currency_Code__c": currency,
        "Captured__c": bool(body.get("captured")),
        "Disputed__c": became.is_open,
        "Failure_Code__c": cut(body.get("failure_code"), 100),
        "Failure_Message__c": cut(body.get("failure_message"), 255),
        "Payment_Method_Type__c": cut(details.get("type"), 60),
        "Card_Brand__c": cut(card.get("brand"), 40),
        "Card_Last4__c": cut(card.get("last4"), 4),
        "Created_At__c": unix(body.get("created")),
    }
