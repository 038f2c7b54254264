"""The endpoints of invoice payments, which only invoicing makes (docs.stripe.com/api/invoice-payment)."""

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.resources import invoice_params
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/invoice_payments/{invoice_payment}."""
    return world.invoice_payments.get(call.ids["invoice_payment"], "invoice_payment")


def index(world: World, call: Call) -> Json:
    """GET /v1/invoice_payments."""
    wanted = {name: call.params[name] for name in ("invoice", "status") if name in call}
    payment = call.get("payment") or {}
    kind = payment.get("type")
    if kind and kind not in payment:
        raise invalid(f"Missing required param: payment[{kind}].", f"payment[{kind}]", "parameter_missing")
    return world.invoice_payments.page_where(
        call.params,
        "/v1/invoice_payments",
        lambda row: (
            all(row[name] == value for name, value in wanted.items())
            and (kind is None or row["payment"].get(kind) == payment[kind])
        ),
        {name: value for name, value in wanted.items() if name == "invoice"},
    )


ENDPOINTS = [
    Endpoint("GET", "/v1/invoice_payments", index, "invoice_payment", invoice_params.LIST_PAYMENTS, listing=True),
    Endpoint("GET", "/v1/invoice_payments/{invoice_payment}", retrieve, "invoice_payment"),
]
