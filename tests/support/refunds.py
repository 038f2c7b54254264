"""What a story of refunds and disputes needs: a payment made in Stripe, and the records that Salesforce holds of it."""

import stripe

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.stage import drain, new_opportunity, opportunity


def paid(cast: Cast, amount_minor: int, card: str = "pm_card_visa", *, currency: str = "usd") -> tuple[str, str]:
    """Let an Opportunity be paid by a PaymentIntent that names it; return the Opportunity and the PaymentIntent."""
    record = new_opportunity(cast, "10.00", currency.upper())
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": amount_minor,
            "currency": currency,
            "payment_method": card,
            "confirm": True,
            "off_session": True,
            "metadata": {"salesforce_record_id": record},
        }
    )
    drain(cast)
    return record, intent.id


def payment(cast: Cast, intent: str) -> Row:
    """Return the Payment of a PaymentIntent."""
    return only(cast, "Payment__c", f"Stripe_Id__c = '{intent}'")


def rows(cast: Cast, sobject: str, intent: str) -> list[Row]:
    """Return the records of an object that belong to a payment, oldest first."""
    where = f"Payment__c = '{payment(cast, intent)['Id']}'"
    return cast.salesforce.query(f"SELECT FIELDS(ALL) FROM {sobject} WHERE {where} ORDER BY Name LIMIT 200")  # noqa: S608  (the story's own words)


def only(cast: Cast, sobject: str, where: str) -> Row:
    """Return the one record for which a condition holds."""
    [row] = cast.salesforce.query(f"SELECT FIELDS(ALL) FROM {sobject} WHERE {where} LIMIT 2")  # noqa: S608  (the story's own words)
    return row


def status(cast: Cast, record: str, intent: str) -> tuple[str, str]:
    """Return the status on the Payment and on the Opportunity, when nothing is left to do."""
    drain(cast)
    return payment(cast, intent)["Status__c"], opportunity(cast, record)["Payment_Status__c"]


def dispute_of(cast: Cast, intent: str) -> stripe.Dispute:
    """Return the newest dispute of a payment at Stripe."""
    return cast.stripe.v1.disputes.list({"payment_intent": intent}).data[0]


def bank_moves(cast: Cast, dispute: str, status: str, **more: str) -> None:
    """Let the bank take a dispute to a status."""
    cast.control.post(f"/stripe/disputes/{dispute}", status=status, **more)
