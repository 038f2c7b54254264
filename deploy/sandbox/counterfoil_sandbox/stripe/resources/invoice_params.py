"""The parameters of the invoicing endpoints (docs.stripe.com/api/invoices), as of 2026-10-28.endive."""

import re
from dataclasses import dataclass
from typing import Any

from counterfoil_sandbox.stripe.errors import invalid
from counterfoil_sandbox.stripe.params import (
    PAGING,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Kind,
    Metadata,
    Params,
    Range,
    Text,
)
from counterfoil_sandbox.stripe.resources import catalog

_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,12})?")


@dataclass(frozen=True)
class Decimals(Kind):
    """A decimal of at most twelve places, kept as text so that it stays exact."""

    def _convert(self, name: str, raw: Any) -> str:
        if not isinstance(raw, str) or not _DECIMAL.fullmatch(raw):
            raise invalid(f"Invalid decimal: {raw}; must contain at maximum twelve decimal places.", name)
        return raw


_RATES = Array(Text(), length=5)
_PERIOD = Hash({"start": Integer(0), "end": Integer(0)}, required=("start", "end"))
_PRICING = Hash({"price": Text()})
# An item sells a product there is; a line of `add_lines` may name a new one.
_ITEM_PRICE = Hash(
    {name: catalog.PRICE_DATA.fields[name] for name in ("currency", "product", "tax_behavior", "unit_amount")},
    required=("currency", "product", "unit_amount"),
    elsewhere=frozenset(("unit_amount_decimal",)),
)
_LINE_PRICE = Hash(
    {name: kind for name, kind in catalog.PRICE_DATA.fields.items() if name != "recurring"}
    | {"unit_amount_decimal": Decimals()},
    required=("currency",),
)
_SELLING: dict[str, Kind] = {
    "amount": Integer(),
    "description": Text(unset=True),
    "discountable": Boolean(),
    "metadata": Metadata(),
    "period": _PERIOD,
    "pricing": _PRICING,
    "quantity": Integer(0),
    "quantity_decimal": Decimals(),
    "tax_rates": _RATES,
}
_SELLING_ELSEWHERE = frozenset(("discounts",))
_ITEM: dict[str, Kind] = _SELLING | {"price_data": _ITEM_PRICE, "unit_amount_decimal": Decimals()}
_ITEM_ELSEWHERE = _SELLING_ELSEWHERE | {"tax_behavior", "tax_code"}
CREATE_ITEM = Params(
    _ITEM | {"currency": Text(), "customer": Text(), "invoice": Text()},
    elsewhere=_ITEM_ELSEWHERE | {"customer_account", "subscription"},
)
_KEPT = ("description", "discountable", "metadata", "period", "tax_rates")
UPDATE_ITEM = Params(
    {name: _ITEM[name] for name in (*_KEPT, "amount")},
    elsewhere=_ITEM_ELSEWHERE | (set(_ITEM) - {*_KEPT, "amount"}),
)
LIST_ITEMS = Params(
    {**PAGING, "created": Range(), "customer": Text(), "invoice": Text(), "pending": Boolean()},
    elsewhere=frozenset(("customer_account",)),
)

_COLLECTION = Choice(("charge_automatically", "send_invoice"))
_CHANGEABLE: dict[str, Kind] = {
    # What Stripe does by itself an hour later is done here by hand.
    "auto_advance": Choice(("false",), ("true",)),
    "collection_method": _COLLECTION,
    "automatic_tax": Hash({"enabled": Boolean()}, required=("enabled",), elsewhere=frozenset(("liability",))),
    "days_until_due": Integer(0),
    "default_payment_method": Text(),
    "default_tax_rates": Array(Text(), length=5, unset=True),
    "description": Text(1500, unset=True),
    # Discounts are not imitated, except that there are to be none.
    "discounts": Array(Choice((), ("a discount",)), length=0, unset=True),
    "due_date": Integer(0),
    "footer": Text(unset=True),
    "metadata": Metadata(),
}
_NOT_HERE = frozenset(
    (
        "account_tax_ids", "application_fee_amount", "automatically_finalizes_at", "custom_fields",
        "default_source", "effective_at", "issuer", "number", "on_behalf_of", "payment_settings",
        "rendering", "shipping_cost", "shipping_details", "statement_descriptor", "transfer_data",
    )
)  # fmt: skip
CREATE = Params(
    _CHANGEABLE
    | {
        "currency": Text(),
        "customer": Text(),
        "pending_invoice_items_behavior": Choice(("exclude", "include")),
    },
    elsewhere=_NOT_HERE | {"customer_account", "from_invoice", "subscription"},
)
UPDATE = Params(_CHANGEABLE, elsewhere=_NOT_HERE)
LIST = Params(
    {
        **PAGING,
        "collection_method": _COLLECTION,
        "created": Range(),
        "customer": Text(),
        "due_date": Range(),
        "status": Choice(("draft", "open", "paid", "uncollectible", "void")),
    },
    elsewhere=frozenset(("customer_account", "subscription")),
)
FINALIZE = Params({"auto_advance": Choice(("false",), ("true",))})
PAY = Params(
    {"off_session": Boolean(), "paid_out_of_band": Boolean(), "payment_method": Text()},
    elsewhere=frozenset(("forgive", "mandate", "source")),
)
ATTACH = Params({"payment_intent": Text()}, elsewhere=frozenset(("payment_record",)))
ADD_LINES = Params(
    {
        "invoice_metadata": Metadata(),
        "lines": Array(
            Hash(
                _SELLING | {"invoice_item": Text(), "price_data": _LINE_PRICE},
                elsewhere=_SELLING_ELSEWHERE | {"tax_amounts"},
            ),
            length=250,
        ),
    },
    required=("lines",),
)
LIST_PAYMENTS = Params(
    {
        **PAGING,
        "created": Range(),
        "invoice": Text(),
        "payment": Hash(
            {
                "payment_intent": Text(),
                "payment_record": Text(),
                "type": Choice(("payment_intent", "payment_record")),
            },
            required=("type",),
        ),
        "status": Choice(("canceled", "open", "paid")),
    }
)

_CREDIT_LINE = Hash(
    {
        "amount": Integer(1),
        "description": Text(),
        "invoice_line_item": Text(),
        "quantity": Integer(1),
        "type": Choice(("custom_line_item", "invoice_line_item")),
        "unit_amount": Integer(0),
    },
    required=("type",),
    elsewhere=frozenset(("metadata", "tax_amounts", "tax_rates", "unit_amount_decimal")),
)
_REFUND = Hash(
    {"amount_refunded": Integer(1), "refund": Text()}, elsewhere=frozenset(("payment_record_refund", "type"))
)
CREATE_CREDIT_NOTE = Params(
    {
        "amount": Integer(1),
        "credit_amount": Integer(0),
        "invoice": Text(),
        "lines": Array(_CREDIT_LINE),
        "memo": Text(),
        "metadata": Metadata(),
        "out_of_band_amount": Integer(0),
        "reason": Choice(("duplicate", "fraudulent", "order_change", "product_unsatisfactory")),
        "refund_amount": Integer(0),
        "refunds": Array(_REFUND),
    },
    required=("invoice",),
    elsewhere=frozenset(("effective_at", "email_type", "shipping_cost")),
)
UPDATE_CREDIT_NOTE = Params({"memo": Text(), "metadata": Metadata()})
LIST_CREDIT_NOTES = Params(
    {**PAGING, "created": Range(), "customer": Text(), "invoice": Text()}, elsewhere=frozenset(("customer_account",))
)
LINES = Params(PAGING)
