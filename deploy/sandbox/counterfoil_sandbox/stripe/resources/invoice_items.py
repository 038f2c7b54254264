"""The endpoints of invoice items (docs.stripe.com/api/invoiceitems)."""

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.params import merged
from counterfoil_sandbox.stripe.resources import customers, invoice_lines, invoice_params, tax_rates
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World


def create(world: World, call: Call) -> Json:
    """POST /v1/invoiceitems, on a draft or pending."""
    values = call.params
    invoice = world.invoices.get(values["invoice"], "invoice", status=400) if "invoice" in values else None
    named = values.get("customer") or (invoice and invoice["customer"])
    if not named:
        raise invalid("Must provide customer or customer_account.", "customer", "parameter_missing")
    customer = customers.existing(world, named)
    if invoice:
        invoice_lines.require_draft(invoice, "add invoice items to")
        if invoice["customer"] != customer["id"]:
            raise invalid(f"The invoice {invoice['id']} belongs to another customer.", "customer")
    currency = currencies.check_currency(_currency(world, values, invoice))
    row = invoice_lines.make_item(world, values, customer["id"], currency)
    if invoice:
        try:
            invoice_lines.join(world, invoice, [row])
        except Exception:
            world.invoice_items.remove(row["id"])
            raise
    world.emit("invoiceitem.created", row)
    return row


def _currency(world: World, values: Json, invoice: Json | None) -> str:
    """Return the currency asked for: named, of the price, of the invoice, or the account's."""
    if "currency" in values:
        return str(values["currency"])
    if "price_data" in values:
        return str(values["price_data"]["currency"])
    if price := (values.get("pricing") or {}).get("price"):
        return str(world.prices.get(price, "pricing[price]", status=400)["currency"])
    return str(invoice["currency"]) if invoice else "usd"


def _editable(world: World, call: Call) -> tuple[Json, Json | None]:
    row = world.invoice_items.get(call.ids["invoiceitem"], "invoiceitem")
    invoice = world.invoices.rows[row["invoice"]] if row["invoice"] else None
    if invoice:
        invoice_lines.require_draft(invoice, "change the items of")
    return row, invoice


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/invoiceitems/{invoiceitem}."""
    return world.invoice_items.get(call.ids["invoiceitem"], "invoiceitem")


def update(world: World, call: Call) -> Json:
    """POST /v1/invoiceitems/{invoiceitem}, while its invoice is a draft. Stripe has no event for this."""
    row, invoice = _editable(world, call)
    for name, value in call.params.items():
        if name == "metadata":
            row["metadata"] = merged(row["metadata"], value)
        elif name == "tax_rates":
            row["tax_rates"] = tax_rates.resolve(world, value, name)
        elif name == "amount":
            row |= {"amount": value, "net_amount": value, "pricing": None, "quantity": 1, "quantity_decimal": "1"}
        else:
            row[name] = value
    if invoice:
        invoice_lines.compute(world, invoice)
    return row


def delete(world: World, call: Call) -> Json:
    """DELETE /v1/invoiceitems/{invoiceitem}, pending or on a draft."""
    row, invoice = _editable(world, call)
    world.invoice_items.remove(row["id"])
    if invoice:
        invoice_lines.compute(world, invoice)
    world.emit("invoiceitem.deleted", row)
    return {"id": row["id"], "object": "invoiceitem", "deleted": True}


def index(world: World, call: Call) -> Json:
    """GET /v1/invoiceitems."""
    wanted = {name: call.params[name] for name in ("customer", "invoice") if name in call}
    pending = call.get("pending")
    return world.invoice_items.page_where(
        call.params,
        "/v1/invoiceitems",
        lambda row: (
            all(row[name] == value for name, value in wanted.items())
            and (pending is None or pending == (row["invoice"] is None))
        ),
        wanted,
    )


_ONE = "/v1/invoiceitems/{invoiceitem}"
ENDPOINTS = [
    Endpoint("POST", "/v1/invoiceitems", create, "invoiceitem", invoice_params.CREATE_ITEM),
    Endpoint("GET", "/v1/invoiceitems", index, "invoiceitem", invoice_params.LIST_ITEMS, listing=True),
    Endpoint("GET", _ONE, retrieve, "invoiceitem"),
    Endpoint("POST", _ONE, update, "invoiceitem", invoice_params.UPDATE_ITEM),
    Endpoint("DELETE", _ONE, delete, "invoiceitem"),
]
