"""The parameters of the Checkout Session endpoints (docs.stripe.com/api/checkout/sessions), as of 2026-10-28.endive."""

from counterfoil_sandbox.stripe.params import (
    PAGING,
    SHIPPING,
    Array,
    Choice,
    Hash,
    Integer,
    Metadata,
    Params,
    Range,
    Removed,
    Text,
)
from counterfoil_sandbox.stripe.resources.catalog import PRICE_DATA

_SWITCH = {"enabled": Choice(("false",), ("true",))}
_OFF = Hash(_SWITCH, required=("enabled",))
_TAX = Hash(_SWITCH, required=("enabled",), elsewhere=frozenset(("liability",)))
_INVOICE = Hash(_SWITCH, required=("enabled",), elsewhere=frozenset(("invoice_data",)))
_LINE = Hash(
    {"metadata": Metadata(), "price": Text(), "price_data": PRICE_DATA, "quantity": Integer(1, 999_999)},
    elsewhere=frozenset(("adjustable_quantity", "tax_rates")),
)
_INTENT_DATA = Hash(
    {
        "capture_method": Choice(("automatic", "automatic_async", "manual")),
        "description": Text(1000),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "setup_future_usage": Choice(("off_session", "on_session")),
        "shipping": SHIPPING,
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_group": Text(),
    },
    elsewhere=frozenset(("application_fee_amount", "on_behalf_of", "transfer_data")),
)
CREATE = Params(
    {
        "allowed_payment_method_types": Array(Text()),
        "automatic_tax": _TAX,
        "billing_address_collection": Choice(("auto", "required")),
        "cancel_url": Text(),
        "client_reference_id": Text(200),
        "customer": Text(),
        "customer_creation": Choice(("always", "if_required")),
        "customer_email": Text(800),
        "expires_at": Integer(),
        "integration_identifier": Text(),
        "invoice_creation": _INVOICE,
        "line_items": Array(_LINE),
        "locale": Text(),
        "metadata": Metadata(),
        "mode": Choice(("payment",), ("setup", "subscription")),
        "payment_intent_data": _INTENT_DATA,
        "payment_method_types": Removed(),
        "phone_number_collection": _OFF,
        "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
        "success_url": Text(),
        "ui_mode": Choice(("hosted_page",), ("embedded_page", "elements")),
    },
    required=("mode",),
    elsewhere=frozenset(
        (
            "adaptive_pricing", "after_expiration", "allow_promotion_codes", "branding_settings", "consent_collection",
            "currency", "custom_fields", "custom_text", "customer_account", "customer_update", "discounts",
            "excluded_payment_method_types", "managed_payments", "name_collection", "optional_items",
            "origin_context", "payment_method_collection", "payment_method_configuration", "payment_method_data",
            "payment_method_options", "permissions", "redirect_on_completion", "return_url",
            "saved_payment_method_options", "setup_intent_data", "shipping_address_collection", "shipping_options",
            "subscription_data", "tax_id_collection", "wallet_options",
        )
    ),
)  # fmt: skip
UPDATE = Params(
    {"metadata": Metadata()}, elsewhere=frozenset(("collected_information", "line_items", "shipping_options"))
)
LIST = Params(
    {
        **PAGING,
        "created": Range(),
        "customer": Text(),
        "customer_details": Hash({"email": Text()}, required=("email",)),
        "payment_intent": Text(),
        "payment_link": Text(),
        "status": Choice(("open", "complete", "expired")),
    },
    elsewhere=frozenset(("customer_account", "subscription")),
)
LINES = Params(PAGING)
