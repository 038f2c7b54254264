"""Refunds: of a whole charge or a part, settled like the card they go back to (docs.stripe.com/refunds).

refund.* fires for every refund; charge.refunded and charge.refund.updated are sent as well and repeat it.
"""

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, invalid, refused
from counterfoil_sandbox.stripe.ids import stem_of
from counterfoil_sandbox.stripe.params import PAGING, Choice, Integer, Metadata, Params, Range, Text, merged
from counterfoil_sandbox.stripe.resources import balance, charges, payment_methods
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, changed, snapshot


def create(world: World, call: Call) -> Json:
    """POST /v1/refunds."""
    charge = _charge(world, call)
    if any(not dispute["is_charge_refundable"] for dispute in world.disputes.having("charge", charge["id"])):
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    amount = _amount(charge, call)
    card = payment_methods.card_of(world, world.payment_methods.rows[charge["payment_method"]])
    charges.settle_late(world, charge)
    row = _make(world, charge, amount, call)
    before = snapshot(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    if card.refund == "pending":
        row["status"] = "pending"
        row["pending_reason"] = "processing"
    else:
        row["balance_transaction"] = balance.enter(world, row, "refund", -amount)["id"]
    world.refunds.save(row)
    world.emit("refund.created", row)
    world.emit("charge.refunded", charge, changed(charge, before))
    finish = {"fails": _fail, "pending": _succeed}.get(card.refund, _trace)
    # A delay of 0 leaves a pending refund to the control plane.
    if card.refund != "pending" or world.settings.refund_settlement_delay_ms:
        world.later(world.settings.refund_settlement_delay_ms, lambda: finish(world, row, charge))
    return row


def _charge(world: World, call: Call) -> Json:
    """Return the charge to refund, which must have been captured."""
    if ("charge" in call) == ("payment_intent" in call):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if "charge" in call:
        charge = world.charges.get(call.params["charge"], "charge", status=400)
    else:
        intent = world.payment_intents.get(call.params["payment_intent"], "payment_intent", status=400)
        if intent["status"] not in ("succeeded", "requires_capture"):
            raise refused(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = world.charges.rows[intent["latest_charge"]]
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise refused(f"Charge {charge['id']} has not been captured and cannot be refunded. Cancel the PaymentIntent.")
    return charge


def _amount(charge: Json, call: Call) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    amount = int(call.get("amount", left))
    if amount > left:
        currency = charge["currency"]
        raise invalid(
            f"Refund amount ({currencies.major(amount, currency):,} {currency}) is greater than unrefunded amount on "
            f"charge ({currencies.major(left, currency):,} {currency})",
            "amount",
        )
    return amount


def _make(world: World, charge: Json, amount: int, call: Call) -> Json:
    return {
        "id": world.ids.on_stem("re", stem_of(charge["id"])),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": merged({}, call.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _update(world: World, row: Json, changes: Json) -> None:
    before = snapshot(row)
    row |= changes
    world.refunds.save(row)
    _tell(world, row, before)


def _tell(world: World, row: Json, before: Json) -> None:
    previous = changed(row, before)
    world.emit("refund.updated", row, previous)
    world.emit("charge.refund.updated", row, previous)


def move(world: World, identifier: str, status: str, reason: str | None = None) -> Json:
    """Do as a bank does, at any time: let a refund succeed, fail, be cancelled, or wait for the payer."""
    row = world.refunds.get(identifier)
    before, charge = snapshot(row), world.charges.rows[row["charge"]]
    if status in _UNDONE:
        _undo(world, row, charge, status, reason)
    elif status == "succeeded":
        _succeed(world, row, charge)
    else:
        _update(world, row, {"status": status})
    if status in _UNDONE:
        _tell(world, row, before)
    return row


def _trace(world: World, row: Json, _charge_row: Json) -> None:
    """Give a refund the reference by which the payer's bank can find it."""
    reference = f"7{row['created']:022d}"
    card = {"reference": reference, "reference_status": "available", "reference_type": "acquirer_reference_number"}
    _update(world, row, {"destination_details": {"card": card | {"type": "refund"}, "type": "card"}})


def _succeed(world: World, row: Json, _charge_row: Json) -> None:
    if row["status"] not in ("pending", "requires_action"):
        return
    entry = balance.enter(world, row, "refund", -row["amount"])
    row.pop("pending_reason", None)
    _update(world, row, {"status": "succeeded", "balance_transaction": entry["id"]})


def _fail(world: World, row: Json, charge: Json) -> None:
    """Let a refund fail that had succeeded."""
    if row["status"] == "succeeded":
        before = snapshot(row)
        _undo(world, row, charge, "failed", None)
        _tell(world, row, before)


def _undo(world: World, row: Json, charge: Json, status: str, reason: str | None) -> None:
    """Take a refund back: money that had left comes back, and the charge is less refunded, without an event of its own.

    Source: docs.stripe.com/refunds, "Failed refunds".
    """
    if row["status"] in _UNDONE:
        raise refused(f"Refund {row['id']} has a status of {row['status']} already.")
    if row["balance_transaction"]:
        row["failure_balance_transaction"] = balance.enter(world, row, "refund_failure", row["amount"])["id"]
    row.pop("pending_reason", None)
    row["status"] = status
    if status == "failed":
        row["failure_reason"] = reason or "expired_or_canceled_card"
    world.refunds.save(row)
    charge["amount_refunded"] -= row["amount"]
    charge["refunded"] = False
    if status == "failed":
        world.emit("refund.failed", row)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/refunds/{refund}."""
    return world.refunds.get(call.ids["refund"])


def update(world: World, call: Call) -> Json:
    """POST /v1/refunds/{refund}: its metadata only."""
    row = world.refunds.get(call.ids["refund"])
    if "metadata" in call:
        before = snapshot(row)
        row["metadata"] = merged(row["metadata"], call.params["metadata"])
        if previous := changed(row, before):
            world.emit("refund.updated", row, previous)
            world.emit("charge.refund.updated", row, previous)
    return row


def cancel(world: World, call: Call) -> Json:
    """POST /v1/refunds/{refund}/cancel: only while the payer has something to do."""
    row = world.refunds.get(call.ids["refund"])
    if row["status"] != "requires_action":
        raise refused(f"Refund {row['id']} has a status of {row['status']} and cannot be canceled.")
    return move(world, row["id"], "canceled")


def index(world: World, call: Call) -> Json:
    """GET /v1/refunds."""
    wanted = {name: call.params[name] for name in ("charge", "payment_intent") if name in call}
    return world.refunds.page(call.params, "/v1/refunds", **wanted)


_UNDONE = ("failed", "canceled")
_CREATE = Params(
    {
        "amount": Integer(1),
        "charge": Text(),
        "metadata": Metadata(),
        "payment_intent": Text(),
        "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
    },
    elsewhere=frozenset(
        ("currency", "customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer")
    ),
)
_LIST = Params({**PAGING, "charge": Text(), "created": Range(), "payment_intent": Text()})
ENDPOINTS = [
    Endpoint("POST", "/v1/refunds", create, "refund", _CREATE),
    Endpoint("GET", "/v1/refunds", index, "refund", _LIST, listing=True),
    Endpoint("GET", "/v1/refunds/{refund}", retrieve, "refund"),
    Endpoint("POST", "/v1/refunds/{refund}", update, "refund", Params({"metadata": Metadata()})),
    Endpoint("POST", "/v1/refunds/{refund}/cancel", cancel, "refund"),
]
