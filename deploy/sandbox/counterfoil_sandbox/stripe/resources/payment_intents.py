"""PaymentIntents: created, read, updated, confirmed, captured, cancelled (docs.stripe.com/api/payment_intents)."""

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, refused
from counterfoil_sandbox.stripe.params import Params, Text, merged
from counterfoil_sandbox.stripe.resources import customers, lifecycle, payment_methods
from counterfoil_sandbox.stripe.resources import payment_intent_params as params
from counterfoil_sandbox.stripe.resources.lifecycle import Confirmation
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, snapshot

_DYNAMIC_TYPES = ("card", "link")
_SIMPLE = (
    "capture_method", "customer", "description", "receipt_email", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip
_UPDATABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
# What belongs to the invoice, where the intent is its default payment.
_OF_AN_INVOICE = frozenset(("amount", "currency", "customer"))
_ALWAYS_UPDATABLE = frozenset(("description", "metadata", "receipt_email", "shipping", "expand", "transfer_group"))


def build(world: World, values: Json) -> Json:
    """Return a new intent from typed parameters, unsaved and unannounced."""
    currency = currencies.check_currency(values["currency"])
    amount = currencies.check_amount(values["amount"], currency)
    identifier = world.ids.on_stem("pi", world.ids.stem())
    row: Json = {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": _automatic(values),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{world.ids.token(25)}",
        "confirmation_method": "automatic",
        "created": world.now(),
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": world.ids.configuration, "parent": None},
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            },
            "link": {},
        },
        "payment_method_types": list(_DYNAMIC_TYPES),
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    _apply(world, row, values)
    return row


def _automatic(values: Json) -> Json | None:
    """Return automatic_payment_methods: on unless the caller says otherwise, since 2023-08-16."""
    given = values.get("automatic_payment_methods")
    if "allowed_payment_method_types" in values:
        for other in ("automatic_payment_methods", "excluded_payment_method_types"):
            if other in values:
                raise invalid(
                    f"You cannot combine `allowed_payment_method_types` with `{other}`.", "allowed_payment_method_types"
                )
    if given is None:
        return {"allow_redirects": "always", "enabled": True}
    return {"allow_redirects": given.get("allow_redirects", "always"), "enabled": True} if given["enabled"] else None


def _apply(world: World, row: Json, values: Json) -> None:
    """Set an intent's descriptive fields from typed parameters, checking what they name."""
    if values.get("customer"):
        customers.existing(world, values["customer"])
    row |= {name: values[name] for name in _SIMPLE if name in values}
    if "metadata" in values:
        row["metadata"] = merged(row["metadata"], values["metadata"])
    if "shipping" in values:
        row["shipping"] = customers.shipping(values["shipping"])
    if options := (values.get("payment_method_options") or {}).get("card"):
        row["payment_method_options"]["card"] |= options
    _restrict_types(row, values)
    if types := values.get("payment_method_types"):  # of an older version, where they exclude the dynamic ones
        if "automatic_payment_methods" in values:
            raise invalid(
                "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.",
                "payment_method_types",
            )
        row |= {"payment_method_types": types, "automatic_payment_methods": None}


def _restrict_types(row: Json, values: Json) -> None:
    allowed, excluded = "allowed_payment_method_types", "excluded_payment_method_types"
    if allowed in values or excluded in values:
        row |= {name: values[name] or None for name in (allowed, excluded) if name in values}
        row["payment_method_types"] = [
            kind
            for kind in _DYNAMIC_TYPES
            if kind in (row[allowed] or _DYNAMIC_TYPES) and kind not in (row[excluded] or ())
        ]
        if not row["payment_method_types"]:
            raise invalid("No payment method types remain for this PaymentIntent.", allowed)


def _method(world: World, values: Json) -> Json | None:
    if values.get("payment_method") and values.get("payment_method_data"):
        raise invalid("You may only specify one of these parameters: payment_method, payment_method_data.")
    if data := values.get("payment_method_data"):
        return payment_methods.from_data(world, data)
    if identifier := values.get("payment_method"):
        return payment_methods.resolve(world, identifier)
    return None


def _confirmation(values: Json) -> Confirmation:
    return Confirmation(
        off_session=values.get("off_session") in ("true", "one_off", "recurring"),
        fail_on_action=bool(values.get("error_on_requires_action")),
        return_url=values.get("return_url"),
    )


def create(world: World, call: Call) -> Json:
    """POST /v1/payment_intents, with confirm=true in one step if asked."""
    values = call.params
    confirming = values.get("confirm", False)
    if not confirming:
        for name in ("off_session", "return_url", "error_on_requires_action"):
            if name in values:
                raise invalid(
                    f"The parameter `{name}` cannot be passed when creating a PaymentIntent unless `confirm` is set "
                    "to true.",
                    name,
                )
    row = build(world, values)
    method = _method(world, values)
    if method:
        lifecycle.check_method(world, row, method)
        row |= {"payment_method": method["id"], "status": "requires_confirmation"}
    if confirming:
        if method is None:
            raise invalid(lifecycle.NO_METHOD, "payment_method", lifecycle.UNEXPECTED)
        lifecycle.check_confirmable(row, _confirmation(values))
    world.payment_intents.save(row)
    world.emit("payment_intent.created", row)
    if confirming:
        lifecycle.confirm(world, row, _confirmation(values))
    return row


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/payment_intents/{intent}."""
    row = world.payment_intents.get(call.ids["intent"], "intent")
    if "client_secret" in call and call.params["client_secret"] != row["client_secret"]:
        raise invalid(
            "The client_secret provided does not match any associated PaymentIntent on this account.", "client_secret"
        )
    return row


def update(world: World, call: Call) -> Json:
    """POST /v1/payment_intents/{intent}. Stripe has no event for this."""
    row = world.payment_intents.get(call.ids["intent"], "intent")
    values = call.params
    if invoice := world.hidden(row["id"]).get("default_of"):
        for name in _OF_AN_INVOICE & set(values):
            raise lifecycle.unexpected(
                row,
                f"You cannot update `{name}` of this PaymentIntent because it was created by the invoice {invoice}.",
            )
    fixed = [name for name in values if name not in _ALWAYS_UPDATABLE]
    if fixed and row["status"] not in _UPDATABLE:
        raise lifecycle.unexpected(
            row,
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of {row['status']}. You may "
            f"only update the {fixed[0]} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(_UPDATABLE)}.",
        )
    draft = snapshot(row)
    if "currency" in values:
        draft["currency"] = currencies.check_currency(values["currency"])
    if "amount" in values or "currency" in values:
        draft["amount"] = currencies.check_amount(
            values["amount"] if "amount" in values else row["amount"], draft["currency"]
        )
    _apply(world, draft, values)
    _adopt(world, draft, values)
    row.update(draft)
    return world.payment_intents.save(row)


def _adopt(world: World, row: Json, values: Json) -> None:
    """Give an intent the PaymentMethod that the parameters name, if any."""
    if method := _method(world, values):
        lifecycle.check_method(world, row, method)
        row |= {"payment_method": method["id"], "next_action": None}
        row["status"] = "requires_confirmation"
    elif "payment_method" in values:
        row |= {"payment_method": None, "status": "requires_payment_method", "next_action": None}


def confirm(world: World, call: Call) -> Json:
    """POST /v1/payment_intents/{intent}/confirm."""
    row = world.payment_intents.get(call.ids["intent"], "intent")
    if row["status"] in lifecycle.CONFIRMABLE:
        draft = snapshot(row)
        _apply(world, draft, call.params)
        _adopt(world, draft, call.params)
        lifecycle.check_confirmable(draft, _confirmation(call.params))
        row.update(draft)
        world.payment_intents.save(row)
    lifecycle.confirm(world, row, _confirmation(call.params))
    return row


def capture(world: World, call: Call) -> Json:
    """POST /v1/payment_intents/{intent}/capture."""
    row = world.payment_intents.get(call.ids["intent"], "intent")
    before = row["metadata"]
    if "metadata" in call:  # before the events of the capture, which show it
        row["metadata"] = merged(before, call.params["metadata"])
    try:
        lifecycle.capture(world, row, call.get("amount_to_capture"))
    except StripeError:
        row["metadata"] = before
        raise
    row |= {name: call.params[name] for name in ("statement_descriptor", "statement_descriptor_suffix") if name in call}
    return row


def capture_charge(world: World, call: Call) -> Json:
    """POST /v1/charges/{charge}/capture: the older way to capture what an intent authorised."""
    row = world.charges.get(call.ids["charge"])
    if row["captured"]:
        raise refused(f"Charge {row['id']} has already been captured.", "charge_already_captured")
    lifecycle.capture(world, world.payment_intents.rows[row["payment_intent"]], call.get("amount"))
    return row


def cancel(world: World, call: Call) -> Json:
    """POST /v1/payment_intents/{intent}/cancel."""
    row = world.payment_intents.get(call.ids["intent"], "intent")
    if invoice := world.hidden(row["id"]).get("default_of"):
        raise lifecycle.unexpected(
            row,
            f"You cannot cancel this PaymentIntent because it was created by the invoice {invoice}. Void the invoice "
            "instead.",
        )
    lifecycle.cancel(world, row, call.get("cancellation_reason"))
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/payment_intents."""
    wanted = {"customer": call.params["customer"]} if "customer" in call else {}
    return world.payment_intents.page(call.params, "/v1/payment_intents", **wanted)


_ONE = "/v1/payment_intents/{intent}"
_KIND = "payment_intent"
ENDPOINTS = [
    Endpoint("POST", "/v1/payment_intents", create, _KIND, params.CREATE),
    Endpoint("GET", "/v1/payment_intents", index, _KIND, params.LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, _KIND, Params({"client_secret": Text()})),
    Endpoint("POST", _ONE, update, _KIND, params.UPDATE),
    Endpoint("POST", f"{_ONE}/confirm", confirm, _KIND, params.CONFIRM),
    Endpoint("POST", f"{_ONE}/capture", capture, _KIND, params.CAPTURE),
    Endpoint("POST", f"{_ONE}/cancel", cancel, _KIND, params.CANCEL),
    Endpoint("POST", "/v1/charges/{charge}/capture", capture_charge, "charge", params.CAPTURE_CHARGE),
]
