"""The endpoints of invoices (docs.stripe.com/api/invoices). Subscriptions and automatic collection are not imitated.

Only a draft can be deleted, and nothing is left of it then.
"""

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, invalid, refused
from counterfoil_sandbox.stripe.params import merged
from counterfoil_sandbox.stripe.resources import (
    automatic_tax,
    customers,
    invoice_lines,
    invoice_params,
    invoicing,
    tax_rates,
)
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.store import listing, slice_of, within
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_SIMPLE = ("collection_method", "default_payment_method", "description", "due_date", "footer")
_WHEN_FINAL = frozenset(("default_payment_method", "description", "due_date", "footer", "metadata"))


def create(world: World, call: Call) -> Json:
    """POST /v1/invoices: a draft, empty unless pending items are asked for."""
    values = call.params
    if "customer" not in values:
        raise invalid("Must provide customer or customer_account.", "customer", "parameter_missing")
    customer = customers.existing(world, values["customer"])
    currency = currencies.check_currency(values.get("currency") or customer["currency"] or "usd")
    row = _draft(world, customer, currency)
    _apply(world, row, values)
    world.invoices.save(row)
    invoice_lines.compute(world, row)
    if values.get("pending_invoice_items_behavior") == "include":
        pending = [item for item in world.invoice_items.having("customer", customer["id"]) if item["invoice"] is None]
        invoice_lines.join(world, row, [item for item in pending if item["currency"] == currency])
    world.emit("invoice.created", row)
    return row


def _draft(world: World, customer: Json, currency: str) -> Json:
    now = world.now()
    empty = (
        "account_tax_ids", "application", "automatically_finalizes_at", "custom_fields", "customer_account",
        "customer_address", "customer_email", "customer_name", "customer_phone", "customer_shipping",
        "default_payment_method", "default_source", "description", "due_date", "effective_at", "ending_balance",
        "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf", "last_finalization_error", "latest_revision",
        "next_payment_attempt", "number", "on_behalf_of", "parent", "receipt_number", "rendering", "shipping_cost",
        "shipping_details", "statement_descriptor", "test_clock", "webhooks_delivered_at",
    )  # fmt: skip
    return dict.fromkeys(empty) | {
        "id": world.ids.new("in", "1"),
        "object": "invoice",
        "account_country": "US",
        "account_name": "Counterfoil Sandbox",
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None,
        },
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": now,
        "currency": currency,
        "customer": customer["id"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": False,
        "metadata": {},
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
    }  # fmt: skip


def _apply(world: World, row: Json, values: Json) -> None:
    if "default_payment_method" in values:
        world.payment_methods.get(values["default_payment_method"], "default_payment_method", status=400)
    row |= {name: values[name] for name in _SIMPLE if name in values}
    if "metadata" in values:
        row["metadata"] = merged(row["metadata"], values["metadata"])
    if "automatic_tax" in values:
        automatic_tax.switch(row, enabled=values["automatic_tax"]["enabled"])
    if "default_tax_rates" in values:
        row["default_tax_rates"] = tax_rates.resolve(world, values["default_tax_rates"] or [], "default_tax_rates")
    if row["automatic_tax"]["enabled"] and row["default_tax_rates"]:
        raise invalid("You cannot use `default_tax_rates` with automatic tax.", "default_tax_rates")
    _set_due(world, row, values)


def _set_due(world: World, row: Json, values: Json) -> None:
    given = [name for name in ("days_until_due", "due_date") if name in values]
    if len(given) > 1:
        raise invalid("You may only specify one of these parameters: days_until_due, due_date.", "due_date")
    known = row["due_date"] is not None or "days_until_due" in world.hidden(row["id"])
    if row["collection_method"] != "send_invoice":
        if given:
            raise invalid(f"You can only specify `{given[0]}` when the collection method is `send_invoice`.", given[0])
        return
    if not given and not known:
        raise invalid(
            "If invoices are emailed to the customer, you must specify either `days_until_due` or `due_date`.",
            "days_until_due",
        )
    if "days_until_due" in values:
        world.hidden(row["id"])["days_until_due"] = values["days_until_due"]
        row["due_date"] = row["created"] + values["days_until_due"] * DAY_S
    elif "due_date" in values:
        world.hidden(row["id"]).pop("days_until_due", None)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/invoices/{invoice}."""
    return world.invoices.get(call.ids["invoice"], "invoice")


def update(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}; little of a final one can change."""
    row = retrieve(world, call)
    fixed = [name for name in call.params if name not in _WHEN_FINAL]
    if fixed and row["status"] != "draft":
        raise refused(f"You cannot update `{fixed[0]}` of a finalized invoice.", "invoice_not_editable")
    before = snapshot(row)
    draft = snapshot(row)
    _apply(world, draft, call.params)
    row.update(draft)
    if row["status"] == "draft":
        invoice_lines.compute(world, row)
    if previous := changed(row, before):
        world.emit("invoice.updated", row, previous)
    return row


def delete(world: World, call: Call) -> Json:
    """DELETE /v1/invoices/{invoice}, a draft; its items go with it."""
    row = retrieve(world, call)
    invoice_lines.require_draft(row, "delete")
    for item in list(world.invoice_items.having("invoice", row["id"])):
        world.invoice_items.remove(item["id"])
        world.emit("invoiceitem.deleted", item)
    world.invoices.remove(row["id"])
    world.emit("invoice.deleted", row)
    return {"id": row["id"], "object": "invoice", "deleted": True}


def index(world: World, call: Call) -> Json:
    """GET /v1/invoices."""
    wanted = {name: call.params[name] for name in ("collection_method", "customer", "status") if name in call}
    due = call.get("due_date")
    return world.invoices.page_where(
        call.params,
        "/v1/invoices",
        lambda row: (
            all(row[name] == value for name, value in wanted.items())
            and (due is None or (row["due_date"] is not None and within(row["due_date"], due)))
        ),
        {name: value for name, value in wanted.items() if name == "customer"},
    )


def lines(world: World, call: Call) -> Json:
    """GET /v1/invoices/{invoice}/lines, in the order they were added."""
    row = retrieve(world, call)
    return slice_of(invoice_lines.lines(world, row), call.params, call.path, "line item")


def add_lines(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/add_lines, all or none."""
    row = retrieve(world, call)
    invoice_lines.require_draft(row, "add lines to")
    before = snapshot(row)
    made: list[Json] = []
    try:
        items = [_item(world, row, line, index, made) for index, line in enumerate(call.params["lines"])]
        invoice_lines.join(world, row, items)
    except Exception:
        for item in made:
            world.invoice_items.remove(item["id"])
        raise
    if "invoice_metadata" in call:
        row["metadata"] = merged(row["metadata"], call.params["invoice_metadata"])
    for item in made:
        world.emit("invoiceitem.created", item)
    world.emit("invoice.updated", row, changed(row, before))
    return row


def _item(world: World, invoice: Json, line: Json, index: int, made: list[Json]) -> Json:
    if "invoice_item" not in line:
        made.append(invoice_lines.make_item(world, line, invoice["customer"], invoice["currency"]))
        return made[-1]
    param = f"lines[{index}][invoice_item]"
    item = world.invoice_items.get(line["invoice_item"], param, status=400)
    if item["invoice"] is not None or item["customer"] != invoice["customer"]:
        raise invalid(f"The invoice item {item['id']} is not pending for this customer.", param)
    return item


def finalize(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/finalize."""
    row = retrieve(world, call)
    invoicing.finalize(world, row)
    return row


def send(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/send: finalises a draft; no mail leaves a sandbox."""
    row = retrieve(world, call)
    if row["collection_method"] != "send_invoice":
        raise refused("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if row["status"] == "draft":
        invoicing.finalize(world, row)
    world.emit("invoice.sent", row)
    return row


def pay(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/pay."""
    row = retrieve(world, call)
    if call.get("paid_out_of_band"):
        if "payment_method" in call:
            raise invalid("You may only specify one of these parameters: paid_out_of_band, payment_method.")
        invoicing.pay_out_of_band(world, row)
        return row
    method = invoicing.chosen_method(world, row, call.get("payment_method"))
    invoicing.pay(world, row, method, off_session=call.get("off_session", True))
    return row


def void(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/void."""
    row = retrieve(world, call)
    invoicing.void(world, row)
    return row


def mark_uncollectible(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/mark_uncollectible."""
    row = retrieve(world, call)
    invoicing.write_off(world, row)
    return row


def attach_payment(world: World, call: Call) -> Json:
    """POST /v1/invoices/{invoice}/attach_payment."""
    row = retrieve(world, call)
    if "payment_intent" not in call:
        raise invalid("Missing required param: payment_intent.", "payment_intent", "parameter_missing")
    intent = world.payment_intents.get(call.params["payment_intent"], "payment_intent", status=400)
    invoicing.attach(world, row, intent)
    return row


def shown_payments(world: World, invoice: Json) -> Json:
    """Return `payments` as an expanded invoice shows it: newest first, the first ten."""
    rows = invoicing.payments(world, invoice)[::-1]
    shown = invoice_lines.SHOWN
    return listing(rows[:shown], f"/v1/invoice_payments?invoice={invoice['id']}", has_more=len(rows) > shown)


def shown_secret(world: World, invoice: Json) -> Json | None:
    """Return `confirmation_secret` as an expanded invoice shows it: that of the default payment."""
    row = invoicing.default_payment(world, invoice)
    if row is None:
        return None
    intent = world.payment_intents.rows[row["payment"]["payment_intent"]]
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


_ONE = "/v1/invoices/{invoice}"
_KIND = "invoice"
ENDPOINTS = [
    Endpoint("POST", "/v1/invoices", create, _KIND, invoice_params.CREATE),
    Endpoint("GET", "/v1/invoices", index, _KIND, invoice_params.LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, _KIND),
    Endpoint("POST", _ONE, update, _KIND, invoice_params.UPDATE),
    Endpoint("DELETE", _ONE, delete, _KIND),
    Endpoint("GET", f"{_ONE}/lines", lines, "line_item", invoice_params.LINES, listing=True),
    Endpoint("POST", f"{_ONE}/add_lines", add_lines, _KIND, invoice_params.ADD_LINES),
    Endpoint("POST", f"{_ONE}/finalize", finalize, _KIND, invoice_params.FINALIZE),
    Endpoint("POST", f"{_ONE}/send", send, _KIND),
    Endpoint("POST", f"{_ONE}/pay", pay, _KIND, invoice_params.PAY),
    Endpoint("POST", f"{_ONE}/void", void, _KIND),
    Endpoint("POST", f"{_ONE}/mark_uncollectible", mark_uncollectible, _KIND),
    Endpoint("POST", f"{_ONE}/attach_payment", attach_payment, _KIND, invoice_params.ATTACH),
]
