"""What fields of Stripe's objects and of our requests hold, by their names: one table for all that leaves texts out.

A name that is not here is an id, an amount, a time or a word of Stripe's, and stays. Names are those of Stripe's API
(docs.stripe.com/api) and of the terms in our ledger.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class FieldClass(StrEnum):
    """Why a field is left out."""

    PERSONAL = "personal"  # who somebody is, and where
    FREE_TEXT = "free_text"  # what somebody typed, which may name anybody
    SECRET = "secret"  # noqa: S105  (lets whoever reads it act, or see what is personal)


_PERSONAL = """account_name address billing_details customer_address customer_details customer_email customer_name
    customer_phone customer_shipping email evidence individual_name name phone receipt_email said shipping tax_ids"""
_FREE_TEXT = "custom_fields description footer memo title"
_TELLING = "client_secret hosted_invoice_url invoice_pdf receipt_url"
FIELDS: Mapping[str, FieldClass] = {
    **dict.fromkeys(_PERSONAL.split(), FieldClass.PERSONAL),
    **dict.fromkeys(_FREE_TEXT.split(), FieldClass.FREE_TEXT),
    **dict.fromkeys(_TELLING.split(), FieldClass.SECRET),
}


def without_people(value: Any, instead: object) -> Any:
    """Return decoded JSON with `instead` in place of each field of the table that holds anything."""
    if isinstance(value, Mapping):
        return {
            name: instead if name in FIELDS and one else without_people(one, instead) for name, one in value.items()
        }
    return [without_people(one, instead) for one in value] if isinstance(value, list) else value
