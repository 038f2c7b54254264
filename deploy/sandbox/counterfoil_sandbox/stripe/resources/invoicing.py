"""What happens to an invoice: finalised, paid at once or in parts, voided, written off (docs.stripe.com/invoicing).

An invoice and a PaymentIntent meet in an InvoicePayment, many to many. The default one is made when the invoice becomes
final and asks for what is still to be paid. Money from outside Stripe is an InvoicePayment of a payment record.
"""

import contextlib
from collections.abc import Iterator

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, not_imitated, refused
from counterfoil_sandbox.stripe.resources import (
    automatic_tax,
    invoice_lines,
    lifecycle,
    payment_intents,
    payment_methods,
)
from counterfoil_sandbox.stripe.resources.lifecycle import Confirmation
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.world import World, changed, snapshot

PAYABLE = ("open", "uncollectible")
_COPIED = {"address": "customer_address", "email": "customer_email", "name": "customer_name",
           "phone": "customer_phone", "shipping": "customer_shipping", "tax_exempt": "customer_tax_exempt"}  # fmt: skip


def payments(world: World, invoice: Json, *, status: str | None = None) -> list[Json]:
    """Return an invoice's payments, oldest first."""
    rows = world.invoice_payments.having("invoice", invoice["id"])
    return [row for row in rows if status in (None, row["status"])]


def paid_off_stripe(world: World, invoice: Json) -> int:
    """Return what was paid outside Stripe; Stripe tells it only when asked to expand it."""
    paid = payments(world, invoice, status="paid")
    return sum(row["amount_paid"] for row in paid if row["payment"]["type"] == "payment_record")


def finalize(world: World, invoice: Json) -> None:
    """Make a draft final: numbered, owed, and paid at once when nothing is due."""
    if invoice["status"] != "draft":
        raise refused("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    invoice_lines.compute(world, invoice)
    automatic_tax.require_location(world, invoice)
    customer = world.customers.rows[invoice["customer"]]
    used = min(max(0, -customer["balance"]), invoice["amount_due"])
    due = invoice["amount_due"] - used
    if due:
        with _as_not_imitated("an invoice of an amount that Stripe cannot charge"):
            currencies.check_amount(due, invoice["currency"])
    before = snapshot(invoice)
    now = world.now()
    token = world.ids.token(40)
    days = world.hidden(invoice["id"]).get("days_until_due")
    invoice |= {copy: customer[name] for name, copy in _COPIED.items()} | {
        "amount_due": due,
        "amount_remaining": due,
        "due_date": now + days * DAY_S if days is not None else invoice["due_date"],
        "effective_at": now,
        "ending_balance": customer["balance"] + used,
        "hosted_invoice_url": f"{world.base_url}/i/{world.ids.account}/test_{token}?s=ap",
        "invoice_pdf": f"{world.base_url}/invoice/{world.ids.account}/test_{token}/pdf?s=ap",
        "number": f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}",
        "starting_balance": customer["balance"],
        "status": "open",
        "status_transitions": invoice["status_transitions"] | {"finalized_at": now},
    }
    customer["next_invoice_sequence"] += 1
    credit(world, customer, used, invoice["currency"])
    if due:
        _ask(world, invoice, due)
    world.emit("invoice.updated", invoice, changed(invoice, before))
    world.emit("invoice.finalized", invoice)
    if not due:
        _close(world, invoice, by_stripe=True)


@contextlib.contextmanager
def _as_not_imitated(what: str) -> Iterator[None]:
    try:
        yield
    except StripeError:
        raise not_imitated(what) from None


def credit(world: World, customer: Json, amount: int, currency: str) -> None:
    """Add to a customer's balance, which is negative while Stripe owes the customer, and say so."""
    if amount:
        if customer["currency"] not in (None, currency):
            raise not_imitated("balances of one customer in several currencies")
        before = snapshot(customer)
        customer |= {"balance": customer["balance"] + amount, "currency": currency}
        world.emit("customer.updated", customer, changed(customer, before))


def _ask(world: World, invoice: Json, amount: int) -> None:
    """Make the default payment of an invoice that became final, with its PaymentIntent."""
    values = {"amount": amount, "currency": invoice["currency"], "customer": invoice["customer"]}
    intent = payment_intents.build(world, values | {"description": f"Payment for Invoice {invoice['number']}"})
    world.payment_intents.save(intent)
    world.hidden(intent["id"])["default_of"] = invoice["id"]
    row = _link(world, invoice, intent, amount, default=True)
    world.hidden(invoice["id"])["default_payment"] = row["id"]
    world.emit("payment_intent.created", intent)


def _link(world: World, invoice: Json, intent: Json, amount: int, *, default: bool = False) -> Json:
    row = _payment(world, invoice, amount, {"payment_intent": intent["id"], "type": "payment_intent"}, default=default)
    world.hidden(intent["id"]).setdefault("invoice_payments", []).append(row["id"])
    return row


def _payment(world: World, invoice: Json, amount: int, payment: Json, *, default: bool = False) -> Json:
    row: Json = {
        "id": world.ids.new("inpay", "1"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": world.now(),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": default,
        "livemode": False,
        "payment": payment,
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    return world.invoice_payments.save(row)


def default_payment(world: World, invoice: Json) -> Json | None:
    """Return the default payment of an invoice while it is open."""
    row = world.invoice_payments.rows.get(world.hidden(invoice["id"]).get("default_payment", ""))
    return row if row and row["status"] == "open" else None


def attach(world: World, invoice: Json, intent: Json) -> None:
    """Let a PaymentIntent pay an invoice, with what it does not pay for other invoices."""
    if invoice["status"] not in PAYABLE:
        raise refused(f"You can only attach a payment to an open invoice; {invoice['id']} is {invoice['status']}.")
    for name in ("currency", "customer"):
        if intent[name] != invoice[name]:
            raise invalid(f"The payment's {name} must be the invoice's: {invoice[name]}.", "payment_intent")
    if intent["status"] == "canceled":
        raise refused(f"The PaymentIntent {intent['id']} is canceled and cannot pay an invoice.")
    known = [world.invoice_payments.rows[name] for name in world.hidden(intent["id"]).get("invoice_payments", ())]
    given = sum(row["amount_requested"] for row in known if row["status"] != "canceled")
    if any(row["invoice"] == invoice["id"] and row["status"] != "canceled" for row in known):
        raise refused(f"The PaymentIntent {intent['id']} is already attached to this invoice.")
    amount = min(intent["amount"] - given, invoice["amount_remaining"])
    if amount <= 0:
        raise refused(f"The PaymentIntent {intent['id']} has no amount left that could pay this invoice.")
    row = _link(world, invoice, intent, amount)
    if intent["status"] == "succeeded":
        _credit(world, row)


def follow(world: World, intent: Json) -> None:
    """Do to invoices what became of a PaymentIntent that pays them."""
    rows = [world.invoice_payments.rows[name] for name in world.hidden(intent["id"]).get("invoice_payments", ())]
    for row in [row for row in rows if row["status"] == "open"]:
        invoice = world.invoices.rows[row["invoice"]]
        if intent["status"] == "succeeded":
            _attempted(invoice, row)
            _credit(world, row)
        elif intent["status"] == "requires_action":
            world.emit("invoice.payment_action_required", invoice)
        elif intent["status"] == "requires_payment_method" and intent["last_payment_error"]:
            before = snapshot(invoice)
            _attempted(invoice, row)
            world.emit("invoice.updated", invoice, changed(invoice, before))
            world.emit("invoice.payment_failed", invoice)


def _attempted(invoice: Json, row: Json) -> None:
    if row["is_default"]:
        invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}


def _credit(world: World, row: Json) -> None:
    invoice = world.invoices.rows[row["invoice"]]
    row |= {"amount_paid": min(row["amount_requested"], invoice["amount_remaining"]), "status": "paid"}
    row["status_transitions"]["paid_at"] = world.now()
    world.emit("invoice_payment.paid", row)
    recount(world, invoice, by_stripe=row["payment"]["type"] == "payment_intent")


def recount(world: World, invoice: Json, *, by_stripe: bool, before: Json | None = None) -> None:
    """Set what is paid and still to be paid; ask for the rest, or close an invoice that nothing is left of."""
    before = before or snapshot(invoice)
    paid = sum(row["amount_paid"] for row in payments(world, invoice, status="paid"))
    left = invoice["amount_due"] - paid
    invoice |= {"amount_paid": paid, "amount_remaining": left}
    if left == 0:
        _close(world, invoice, by_stripe=by_stripe, before=before)
        return
    if asked := default_payment(world, invoice):
        asked["amount_requested"] = left
        world.payment_intents.rows[asked["payment"]["payment_intent"]]["amount"] = left
    if previous := changed(invoice, before):
        world.emit("invoice.updated", invoice, previous)


def _close(world: World, invoice: Json, *, by_stripe: bool, before: Json | None = None) -> None:
    before = before or snapshot(invoice)
    drop_default(world, invoice, "automatic")
    _turn(world, invoice, "paid", "paid_at", before)
    world.emit("invoice.paid", invoice)
    if by_stripe:
        world.emit("invoice.payment_succeeded", invoice)


def _turn(world: World, invoice: Json, status: str, moment: str, before: Json) -> None:
    invoice["status"] = status
    invoice["status_transitions"] = invoice["status_transitions"] | {moment: world.now()}
    world.emit("invoice.updated", invoice, changed(invoice, before))


def drop_default(world: World, invoice: Json, reason: str) -> None:
    """Cancel the default payment, if it is open, with its PaymentIntent."""
    row = default_payment(world, invoice)
    if row is None:
        return
    row["status"] = "canceled"
    row["status_transitions"]["canceled_at"] = world.now()
    intent = world.payment_intents.rows[row["payment"]["payment_intent"]]
    if intent["status"] in lifecycle.CANCELABLE:
        lifecycle.cancel(world, intent, reason)


def pay(world: World, invoice: Json, method: Json | None, *, off_session: bool) -> None:
    """Charge what is still to be paid; raise the card error of a decline, after which the invoice stays open."""
    _require_payable(world, invoice)
    if invoice["status"] == "paid":
        return
    row = default_payment(world, invoice)
    if row is None:
        raise not_imitated("paying an invoice whose default payment was cancelled")
    if method is None:
        raise refused(
            "There is no `default_payment_method` set on this Customer or Invoice. Please attach a payment method to "
            "the customer and set it as the default."
        )
    if method["customer"] != invoice["customer"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
            "attached to the customer.",
            "payment_method",
            "resource_missing",
        )
    intent = world.payment_intents.rows[row["payment"]["payment_intent"]]
    if intent["status"] in lifecycle.CONFIRMABLE:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    wanted = Confirmation(off_session=off_session, return_url=invoice["hosted_invoice_url"])
    lifecycle.confirm(world, intent, wanted)
    if intent["status"] == "requires_action":
        raise StripeError(
            402,
            "This payment requires additional user action before it can be completed successfully. Payment can be "
            "completed using the PaymentIntent associated with this invoice.",
            kind="card_error",
            code="invoice_payment_intent_requires_action",
            executed=True,
        )


def _require_payable(world: World, invoice: Json) -> None:
    if invoice["status"] == "draft":
        finalize(world, invoice)
    elif invoice["status"] not in PAYABLE:
        state = "already paid" if invoice["status"] == "paid" else invoice["status"]
        raise refused(f"Invoice is {state}")


def chosen_method(world: World, invoice: Json, named: str | None) -> Json | None:
    """Return the PaymentMethod to charge: the one named, the invoice's, or the customer's default."""
    customer = world.customers.rows[invoice["customer"]]
    known = named or invoice["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return payment_methods.resolve(world, known) if known else None


def pay_out_of_band(world: World, invoice: Json) -> None:
    """Note that the rest was paid outside Stripe."""
    _require_payable(world, invoice)
    if invoice["status"] == "paid":
        return
    record = {"payment_record": world.ids.new("pr", "1"), "type": "payment_record"}
    drop_default(world, invoice, "automatic")
    _credit(world, _payment(world, invoice, invoice["amount_remaining"], record))


def void(world: World, invoice: Json) -> None:
    """Void an invoice nobody has paid anything of; credit that it used goes back to the customer."""
    if invoice["status"] not in PAYABLE:
        raise refused(f"You can only void an open or uncollectible invoice; {invoice['id']} is {invoice['status']}.")
    if invoice["amount_paid"]:
        raise not_imitated("voiding an invoice that is partly paid")
    before = snapshot(invoice)
    drop_default(world, invoice, "void_invoice")
    used = invoice["ending_balance"] - invoice["starting_balance"]
    credit(world, world.customers.rows[invoice["customer"]], -used, invoice["currency"])
    _turn(world, invoice, "void", "voided_at", before)
    world.emit("invoice.voided", invoice)


def write_off(world: World, invoice: Json) -> None:
    """Mark an open invoice as uncollectible; it can still be paid."""
    if invoice["status"] != "open":
        raise refused(f"You can only mark an open invoice as uncollectible; {invoice['id']} is {invoice['status']}.")
    before = snapshot(invoice)
    _turn(world, invoice, "uncollectible", "marked_uncollectible_at", before)
    world.emit("invoice.marked_uncollectible", invoice)
