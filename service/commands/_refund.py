"""refund_payment: all that is left of a payment, or a part of it, goes back to where it came from.

A refund that Stripe took may still fail later, or wait: that is the refund's own story, told by Refund__c.
"""

from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import AMOUNT, PAYMENT_INTENT, Body, amount_of, charge_of, payment_of, refuse_more
from service.errors import Refused, VendorRejected

# docs.stripe.com/api/refunds/create: fraudulent also puts the card and the address on Stripe's block lists.
REASONS = ("duplicate", "fraudulent", "requested_by_customer")


async def refund_payment(steps: Steps, command: Command) -> Settled:
    """See what is left of the payment, then give back what was asked."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    key, marks = carried(command, terms["target_id"], "refund")
    params: Params = {"payment_intent": terms["target_id"], "amount": terms["amount_minor"], "metadata": marks}
    if "reason" in command.arguments:
        params["reason"] = command.arguments["reason"]
    try:
        made = await steps.make(command, "refund", params, key)
    except VendorRejected:
        await _terms(steps, command)  # refused with both figures, if somebody else was faster
        raise
    return succeeded(payment_intent_id=terms["target_id"], result_id=made), []


async def _terms(steps: Steps, command: Command) -> Params:
    intent = await payment_of(steps, command, may_be=lambda body: bool(body.get("amount_received")))
    code, charge = str(intent["currency"]), charge_of(intent)
    left = int(charge.get("amount_captured") or 0) - int(charge.get("amount_refunded") or 0)
    asked = await amount_of(steps, command, intent)
    if left <= 0 or (asked or 0) > left:
        # What is missing may be what this very request took, before our rows were lost.
        key, _ = carried(command, str(intent["id"]), "refund")
        made = await steps.search(command, "refund", {"payment_intent": intent["id"]}, key)
        if made is None:
            _refuse(intent, charge, asked, left)
        else:
            asked = int(made.body["amount"])
    return {"target_id": intent["id"], "amount_minor": left if asked is None else asked, "currency": code}


def _refuse(intent: Body, charge: Body, asked: int | None, left: int) -> None:
    if not charge.get("amount_captured"):
        raise Refused(
            f"nothing of the payment was captured (it is {intent.get('status')}): cancel it instead",
            reason="PAYMENT_NOT_REFUNDABLE",
        )
    if asked is None:
        raise Refused("all of the payment was given back already", reason="PAYMENT_NOT_REFUNDABLE")
    refuse_more(asked, left, str(intent["currency"]), what="refunded")


REFUND_PAYMENT = Operation(
    "refund_payment",
    refund_payment,
    arguments={**AMOUNT, "reason": one_of(*REASONS)},
    target=PAYMENT_INTENT,
)
