"""What must have come of one payment asked for: made once at Stripe, and its figures on the record.

Compared by hand, with no code of ours in between.
"""

from decimal import Decimal
from typing import Any

from service.domain import minor_digits
from tests.simulation.world import Action, World, rows_of

Row = dict[str, Any]
Objects = dict[str, dict[str, Row]]


def one_effect(world: World, action: Action, stripe: Objects) -> None:
    def made_for(kind: str, record_id: str) -> list[Row]:
        objects = stripe[kind].values()
        return [one for one in objects if one["metadata"].get("salesforce_record_id") == record_id]

    query = f"SELECT state, reason, message FROM commands WHERE record_id = '{action.record_id}'"  # noqa: S608  (ours)
    told = rows_of(world.database_url, query)
    intents, sessions = made_for("payment_intent", action.record_id), made_for("checkout.session", action.record_id)
    pages = 1 if action.method == "hosted_checkout" else 0
    assert len(sessions) == pages, f"{action}: {len(sessions)} pages"
    assert len(intents) == (1 if action.method != "hosted_checkout" or action.paid else 0), (
        f"{action}: {intents}, {told}"
    )
    charges = [one for one in stripe["charge"].values() if one["payment_intent"] in {each["id"] for each in intents}]
    assert len([one for one in charges if one["paid"]]) == _payments(action), f"{action}: {charges}"
    customers = made_for("customer", action.account_id)
    assert len(customers) == (0 if action.method == "off_session" else 1), f"{action}: {customers}"
    states = [(row["state"], row["reason"]) for row in told]
    wanted = ("DECLINED", "PAYMENT_DECLINED") if action.declines else ("SUCCEEDED", None)
    assert states == [wanted], f"{action}: {states}"


def _payments(action: Action) -> int:
    return int(
        action.paid if action.method == "hosted_checkout" else action.method == "off_session" and not action.declines
    )


def figures(world: World, action: Action, stripe: Objects) -> None:
    """Compare the record with Stripe's own figures, by hand."""
    shown = world.salesforce.get(action.sobject, action.record_id)
    intents = [
        one
        for one in stripe["payment_intent"].values()
        if one["metadata"].get("salesforce_record_id") == action.record_id
    ]
    received = refunded = lost = fee = net = 0
    contested = False
    for intent in intents:
        assert intent["amount"] == int(action.amount.scaleb(minor_digits(action.currency))), action
        received += intent["amount_received"]
        refunds, disputes = (_of(intent, stripe[kind]) for kind in ("refund", "dispute"))
        refunded += sum(one["amount"] for one in refunds if one["status"] in {"succeeded", "pending"})
        lost += sum(one["amount"] for one in disputes if one["status"] == "lost")
        contested |= any(one["status"] not in {"won", "lost"} for one in disputes)
        sources = {one["id"] for one in (*_of(intent, stripe["charge"]), *refunds, *disputes)}
        moved = [one for one in stripe["balance_transaction"].values() if one["source"] in sources]
        fee, net = fee + sum(one["fee"] for one in moved), net + sum(one["net"] for one in moved)
    digits = minor_digits(action.currency)
    assert Decimal(str(shown["Amount_Paid__c"] or 0)) == Decimal(received - refunded - lost).scaleb(-digits), action
    if _payments(action):
        settled = minor_digits(shown["Payment_Settlement_Currency__c"])
        assert Decimal(str(shown["Payment_Fee__c"])) == Decimal(fee).scaleb(-settled) > 0, action
        assert Decimal(str(shown["Payment_Net__c"])) == Decimal(net).scaleb(-settled), action
    disputed = "Disputed" if contested else "Lost" if lost else None
    assert shown["Payment_Status__c"] == (disputed or _status(action, received, refunded)), action
    if action.method == "off_session" and not action.declines:
        assert received == int(action.amount.scaleb(digits)), action


def _of(intent: Row, objects: dict[str, Row]) -> list[Row]:
    return [one for one in objects.values() if one["payment_intent"] == intent["id"]]


def _status(action: Action, received: int, refunded: int) -> str:
    if action.declines:
        return "Failed"
    if refunded:
        return "Refunded" if refunded == received else "Partially_Refunded"
    if received:
        return "Paid"
    return "Requires_Payment_Method" if action.method == "unconfirmed" else "Requested"
