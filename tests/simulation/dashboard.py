"""What people and banks do in Stripe, where nobody asks us: refunds, disputes, invoices, payouts."""

import random
from typing import Any

from tests.simulation.world import CARD, Action, World, wait_for

_VERDICTS = ({"status": "won", "funds": "reinstated"}, {"status": "lost"}, {"status": "under_review"}, None)


def after_payment(world: World, chance: random.Random, sales: list[Action]) -> None:
    """Let each kind of thing happen that can happen once money was taken."""
    for sale in sales:
        if sale.method == "off_session" and not sale.declines:
            _give_back(world, chance, sale)
    _invoice(world, chance)
    if chance.random() < 0.7 and _balance(world):
        world.control.post("/stripe/payouts/run", currency="usd", settle=True)


def _give_back(world: World, chance: random.Random, sale: Action) -> None:
    """Refund a part or all of a payment, in one piece or two, or let it be disputed."""
    part, disputed = chance.choice([None, 0.5, 1]), chance.random() < 0.3
    if part is None and not disputed:
        return

    def intent() -> Any:
        found = world.stripe.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        mine = (one for one in found if one.to_dict()["metadata"].get("salesforce_record_id") == sale.record_id)
        return next((one for one in mine if one.status == "succeeded"), None)

    made = wait_for("the charge to give back", intent)
    if disputed:
        dispute = world.control.post("/stripe/disputes", charge=made.latest_charge)["id"]
        if (verdict := chance.choice(_VERDICTS)) is not None:
            world.control.post(f"/stripe/disputes/{dispute}", **verdict)
        return
    amount = max(1, int(made.amount * (part or 1)))
    for piece in (amount // 2, amount - amount // 2) if amount > 1 and chance.random() < 0.5 else (amount,):
        refund = world.stripe.v1.refunds.create({"payment_intent": made.id, "amount": piece})
        if chance.random() < 0.3:
            world.control.post(f"/stripe/refunds/{refund.id}", status="failed", failure_reason="declined")


def _invoice(world: World, chance: random.Random) -> None:
    """Send an invoice to an Account, and pay it by card, elsewhere, or void it; perhaps credit a part."""
    api, account = world.stripe.v1, world.account(None)
    customer = api.customers.create({"metadata": {"salesforce_record_id": account}}).id
    method = api.payment_methods.attach(CARD, {"customer": customer}).id
    api.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    invoice = str(api.invoices.create({"customer": customer, "currency": "eur"}).id)
    lines: Any = [{"amount": chance.randint(100, 9_999), "description": "Work"} for _ in range(chance.randint(1, 12))]
    api.invoices.add_lines(invoice, {"lines": lines})
    api.invoices.finalize_invoice(invoice)
    match chance.choice(["card", "elsewhere", "void", "open"]):
        case "card":
            api.invoices.pay(invoice)
        case "elsewhere":
            api.invoices.pay(invoice, {"paid_out_of_band": True})
        case "void":
            api.invoices.void_invoice(invoice)
        case _:
            api.credit_notes.create({"invoice": invoice, "amount": 50})


def _balance(world: World) -> int:
    """Return what a payout would take, in cents: the sandbox settles every currency in dollars."""
    balance = world.stripe.v1.balance.retrieve()
    rows = [row for part in ("available", "pending") for row in balance.to_dict()[part]]
    return sum(row["amount"] for row in rows if row["currency"] == "usd")
