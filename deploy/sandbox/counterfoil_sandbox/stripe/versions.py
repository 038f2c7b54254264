"""API versions: which are well-formed, and how an object of an older one differs.

Only the pin is imitated in full. An older version is rendered by undoing the changes of docs.stripe.com/changelog that
touch the objects of this sandbox; request parameters always follow the pin.
"""

import re
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, invalid, not_imitated

PIN = "2026-10-28.endive"
OLDEST = "2022-11-15"  # before it a PaymentIntent carried a list of charges
_FORM = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.(acacia|basil|clover|dahlia|endive))?")
_NAMED_SINCE = "2024-09-30"

# object type -> (date of the change, field, value before it or REMOVE)
_ABSENT = object()
_UNDO: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "payment_intent": (
        ("2025-03-31", "invoice", None),
        ("2025-08-27", "excluded_payment_method_types", _ABSENT),
        ("2026-07-29", "allowed_payment_method_types", _ABSENT),
        ("2026-10-28", "payment_record", _ABSENT),
    ),
    "charge": (("2025-03-31", "invoice", None),),
    "balance_transaction": (("2025-12-15", "balance_type", _ABSENT),),
    "checkout.session": (("2026-07-29", "allowed_payment_method_types", _ABSENT),),
}


def check(version: str) -> str:
    """Return the version, or raise for one that is malformed, unknown, or too old to be rendered."""
    form = _FORM.fullmatch(version)
    if form is None or (form[1] >= _NAMED_SINCE) != (form[2] is not None) or form[1] > PIN[:10]:
        raise invalid(f"Invalid Stripe API version: {version}")
    if form[1] < OLDEST:
        raise not_imitated(f"the API version {version}")
    return version


def render(value: Any, version: str | None) -> Any:
    """Return an object as the version shows it; the pin shows it as it is."""
    if version is None or version == PIN:
        return value
    if isinstance(value, list):
        return [render(item, version) for item in value]
    if not isinstance(value, dict):
        return value
    shown: Json = {key: render(item, version) for key, item in value.items()}
    for date, name, before in _UNDO.get(str(value.get("object")), ()):
        if version[:10] < date:
            if before is _ABSENT:
                shown.pop(name, None)
            else:
                shown.setdefault(name, before)
    return shown
