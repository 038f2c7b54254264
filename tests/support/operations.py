"""What stories of captures, cancellations and refunds need: payments held or taken, and requests by either door."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT, Row
from service.gen.counterfoil.v1 import payments_service_pb2_grpc
from tests.support.stage import drain, intents_of, new_account, new_opportunity, opportunity, saved_card, until_status

CARD = "pm_card_visa"


@dataclass(frozen=True)
class Sale:
    """An Opportunity, the account that pays, and the payment intent."""

    record: str
    account: str
    intent: str


def ask(cast: Cast, operation: str, record: str, **fields: Any) -> str:
    """Publish a request for something; return the event's UUID."""
    wish = {"Operation__c": operation, "Record_Id__c": record, **fields}
    return str(cast.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"])


def sold(cast: Cast, amount: str, currency: str = "USD", *, card: str = CARD, held: bool = False) -> Sale:
    """Let an Opportunity be paid by a saved card, as asked from Salesforce; the money is taken, or held on the card."""
    account = new_account(cast)
    record = new_opportunity(cast, amount, currency, account=account)
    method = saved_card(cast, account, card)
    more = {"Capture_Method__c": "manual"} if held else {}
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=method, **more)
    until_status(cast, record, "Authorized" if held else "Paid")
    drain(cast)
    [intent] = intents_of(cast, record)
    return Sale(record, account, intent)


def refunds_of(cast: Cast, intent: str) -> list[Row]:
    """Return the refunds that Stripe has of a payment, newest first."""
    found = cast.stripe.v1.refunds.list({"payment_intent": intent, "limit": 100})
    return [refund.to_dict(for_json=True) for refund in found.data]


def intent_of(cast: Cast, intent: str) -> Row:
    """Return a payment intent as Stripe has it."""
    return cast.stripe.v1.payment_intents.retrieve(intent).to_dict(for_json=True)


def told(cast: Cast, record: str) -> str | None:
    """Return what the Opportunity says went wrong, when nothing is left to do."""
    drain(cast)
    error: str | None = opportunity(cast, record)["Payment_Error__c"]
    return error


def calls_to(cast: Cast, path: str) -> list[Row]:
    """Return every call that was made to a path of Stripe's, oldest first."""
    requests = cast.control.get("/stripe/requests")["requests"]
    return [row for row in requests if (row["method"], row["path"]) == ("POST", path)]


@contextmanager
def typed_door(cast: Cast) -> Iterator[payments_service_pb2_grpc.PaymentsServiceStub]:
    """Give the gRPC API of the running service."""
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        yield payments_service_pb2_grpc.PaymentsServiceStub(channel)
