"""Credit notes: what is taken off an invoice that is final (docs.stripe.com/api/credit_notes).

A credit note first lowers what is still to be paid; only the rest goes back to the customer: as refund, as credit for
later invoices, or outside Stripe. One that leaves nothing to pay turns the invoice paid, with no payment at all.
"""

from decimal import ROUND_HALF_UP, Decimal

from counterfoil_sandbox.stripe.errors import Json, invalid, refused
from counterfoil_sandbox.stripe.params import merged
from counterfoil_sandbox.stripe.resources import invoice_lines, invoice_params, invoicing, refunds, tax_rates
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.store import listing, slice_of
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_CREDITABLE = ("open", "paid", "uncollectible")


def create(world: World, call: Call) -> Json:
    """POST /v1/credit_notes."""
    values = call.params
    invoice = world.invoices.get(values["invoice"], "invoice", status=400)
    if invoice["status"] not in _CREDITABLE:
        raise refused(f"You can only credit a finalized invoice; {invoice['id']} is {invoice['status']}.")
    entries = _lines(world, invoice, values)
    taxes = tax_rates.added([entry for line in entries for entry in line["taxes"]])
    exclusive = sum(entry["amount"] for entry in taxes if entry["tax_behavior"] == "exclusive")
    subtotal = sum(line["amount"] for line in entries)
    total = values["amount"] if "amount" in values else subtotal + exclusive
    _check_left(world, invoice, total)
    before_payment = min(total, invoice["amount_remaining"])
    after = total - before_payment
    returned = _returned(world, values, after)
    row = _note(world, invoice, values, total=total, taxes=taxes, entries=entries, parts=(before_payment, after))
    row["refunds"] = [_refund(world, invoice, amount, known) for amount, known in returned]
    if amount := values.get("credit_amount"):
        row["customer_balance_transaction"] = world.ids.new("cbtxn", "1")
        invoicing.credit(world, world.customers.rows[invoice["customer"]], -amount, invoice["currency"])
    world.credit_notes.save(row)
    world.emit("credit_note.created", row)
    _lower(world, invoice, before_payment, after)
    return row


def _lines(world: World, invoice: Json, values: Json) -> list[Json]:
    if ("amount" in values) == ("lines" in values):
        raise invalid("You must specify exactly one of `amount` or `lines`.", "amount")
    if "amount" in values:
        return [_whole(world, invoice, values["amount"])]
    known = {line["id"]: line for line in invoice_lines.lines(world, invoice)}
    return [_line(world, line, known, f"lines[{place}]") for place, line in enumerate(values["lines"])]


def _whole(world: World, invoice: Json, amount: int) -> Json:
    """Return one line for an amount of the invoice's total, with the tax in it in proportion."""
    taxes = [_share(entry, amount, invoice["total"]) for entry in invoice["total_taxes"]]
    exclusive = sum(entry["amount"] for entry in taxes if entry["tax_behavior"] == "exclusive")
    return _row(world, amount - exclusive, "Credit", taxes, None)


def _line(world: World, line: Json, known: dict[str, Json], param: str) -> Json:
    if line["type"] == "custom_line_item":
        if not {"unit_amount", "description"} <= set(line):
            raise invalid("A custom line item needs `unit_amount` and `description`.", param)
        quantity = line.get("quantity", 1)
        amount = line["unit_amount"] * quantity
        return _row(world, amount, line["description"], [], None) | {
            "quantity": quantity, "unit_amount": line["unit_amount"], "unit_amount_decimal": str(line["unit_amount"]),
        }  # fmt: skip
    credited = known.get(line.get("invoice_line_item", ""))
    if credited is None:
        raise invalid("The line is not one of the invoice's.", f"{param}[invoice_line_item]", "resource_missing")
    if ("amount" in line) == ("quantity" in line):
        raise invalid("You must specify exactly one of `amount` or `quantity`.", param)
    quantity = line.get("quantity")
    amount = line["amount"] if quantity is None else _part(credited["amount"], quantity, credited["quantity"])
    if amount > credited["amount"]:
        raise invalid("The amount is greater than the line's.", param)
    taxes = [_share(entry, amount, credited["amount"]) for entry in credited["taxes"]]
    return _row(world, amount, credited["description"], taxes, credited["id"]) | {"quantity": quantity}


def _part(amount: int, share: int, whole: int) -> int:
    return int((Decimal(amount) * share / whole).quantize(Decimal(1), ROUND_HALF_UP)) if whole else 0


def _share(entry: Json, share: int, whole: int) -> Json:
    return entry | {name: _part(entry[name], share, whole) for name in ("amount", "taxable_amount")}


def _row(world: World, amount: int, description: str | None, taxes: list[Json], credited: str | None) -> Json:
    line: Json = {
        "id": world.ids.new("cnli", "1"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": [],
        "taxes": taxes,
        "type": "invoice_line_item" if credited else "custom_line_item",
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    return line | ({"invoice_line_item": credited} if credited else {})


def _check_left(world: World, invoice: Json, total: int) -> None:
    issued = [row for row in world.credit_notes.having("invoice", invoice["id"]) if row["status"] == "issued"]
    left = invoice["total"] - sum(row["total"] for row in issued)
    if total <= 0 or total > left:
        raise invalid(f"The credit note's amount must be more than 0 and at most {left}.", "amount")


def _returned(world: World, values: Json, after: int) -> list[tuple[int, Json | None]]:
    """Return the refunds to make or to take into account; raise unless all of `after` goes somewhere."""
    found: list[tuple[int, Json | None]] = []
    for place, given in enumerate(values.get("refunds", [])):
        param = f"refunds[{place}][refund]"
        if "refund" not in given:
            raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
        known = world.refunds.get(given["refund"], param, status=400)
        found.append((given.get("amount_refunded", known["amount"]), known))
    if amount := values.get("refund_amount"):
        found.append((amount, None))
    given_back = sum(amount for amount, _ in found)
    given_back += values.get("credit_amount", 0) + values.get("out_of_band_amount", 0)
    if given_back != after:
        raise invalid(
            f"The sum of refunds, credit amount and out of band amount ({given_back}) must equal the credit note's "
            f"amount that was already paid ({after}).",
            "amount",
        )
    return found


def _refund(world: World, invoice: Json, amount: int, known: Json | None) -> Json:
    if known is None:
        paid = [
            row for row in invoicing.payments(world, invoice, status="paid") if row["payment"].get("payment_intent")
        ]
        if not paid:
            raise refused("The invoice has no payment that could be refunded.")
        intent = max(paid, key=lambda row: row["amount_paid"])["payment"]["payment_intent"]
        known = refunds.create(world, Call({"payment_intent": intent, "amount": amount}, {}))
    return {"amount_refunded": amount, "payment_record_refund": None, "refund": known["id"], "type": "refund"}


def _note(
    world: World,
    invoice: Json,
    values: Json,
    *,
    total: int,
    taxes: list[Json],
    entries: list[Json],
    parts: tuple[int, int],
) -> Json:
    identifier = world.ids.new("cn", "1")
    world.hidden(identifier)["lines"] = entries
    number = len(list(world.credit_notes.having("invoice", invoice["id"]))) + 1
    without_tax = total - sum(entry["amount"] for entry in taxes)
    before_payment, after = parts
    shown = entries[: invoice_lines.SHOWN]
    return {
        "id": identifier,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": world.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": world.now(),
        "invoice": invoice["id"],
        "lines": listing(shown, f"/v1/credit_notes/{identifier}/lines", has_more=len(entries) > len(shown)),
        "livemode": False,
        "memo": values.get("memo"),
        "metadata": merged({}, values.get("metadata", {})),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": values.get("out_of_band_amount"),
        "pdf": f"{world.base_url}/credit_notes/{world.ids.account}/test_{world.ids.token(40)}/pdf?s=ap",
        "post_payment_amount": after,
        "pre_payment_amount": before_payment,
        "pretax_credit_amounts": [],
        "reason": values.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": sum(line["amount"] for line in entries),
        "subtotal_excluding_tax": without_tax,
        "total": total,
        "total_excluding_tax": without_tax,
        "total_taxes": taxes,
        "type": "mixed" if before_payment and after else "post_payment" if after else "pre_payment",
        "voided_at": None,
    }


def _lower(world: World, invoice: Json, before_payment: int, after: int) -> None:
    before = snapshot(invoice)
    invoice["amount_due"] -= before_payment
    invoice["pre_payment_credit_notes_amount"] += before_payment
    invoice["post_payment_credit_notes_amount"] += after
    if invoice["status"] in invoicing.PAYABLE:
        invoicing.recount(world, invoice, by_stripe=False, before=before)
    elif previous := changed(invoice, before):
        world.emit("invoice.updated", invoice, previous)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/credit_notes/{id}."""
    return world.credit_notes.get(call.ids["id"])


def update(world: World, call: Call) -> Json:
    """POST /v1/credit_notes/{id}: its memo and metadata."""
    row = retrieve(world, call)
    before = snapshot(row)
    if "metadata" in call:
        row["metadata"] = merged(row["metadata"], call.params["metadata"])
    row["memo"] = call.get("memo", row["memo"])
    if previous := changed(row, before):
        world.emit("credit_note.updated", row, previous)
    return row


def void(world: World, call: Call) -> Json:
    """POST /v1/credit_notes/{id}/void, while its invoice is open: what it took off is owed again."""
    row = retrieve(world, call)
    invoice = world.invoices.rows[row["invoice"]]
    if row["status"] != "issued" or invoice["status"] != "open":
        raise refused("You can only void an issued credit note of an open invoice.")
    row |= {"status": "void", "voided_at": world.now()}
    world.emit("credit_note.voided", row)
    _lower(world, invoice, -row["pre_payment_amount"], -row["post_payment_amount"])
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/credit_notes."""
    wanted = {name: call.params[name] for name in ("customer", "invoice") if name in call}
    return world.credit_notes.page(call.params, "/v1/credit_notes", **wanted)


def lines(world: World, call: Call) -> Json:
    """GET /v1/credit_notes/{credit_note}/lines."""
    row = world.credit_notes.get(call.ids["credit_note"], "credit_note")
    return slice_of(world.hidden(row["id"])["lines"], call.params, call.path, "credit note line item")


_ONE = "/v1/credit_notes/{id}"
_KIND = "credit_note"
ENDPOINTS = [
    Endpoint("POST", "/v1/credit_notes", create, _KIND, invoice_params.CREATE_CREDIT_NOTE),
    Endpoint("GET", "/v1/credit_notes", index, _KIND, invoice_params.LIST_CREDIT_NOTES, listing=True),
    Endpoint("GET", _ONE, retrieve, _KIND),
    Endpoint("POST", _ONE, update, _KIND, invoice_params.UPDATE_CREDIT_NOTE),
    Endpoint("POST", f"{_ONE}/void", void, _KIND),
    Endpoint(
        "GET",
        "/v1/credit_notes/{credit_note}/lines",
        lines,
        "credit_note_line_item",
        invoice_params.LINES,
        listing=True,
    ),
]
