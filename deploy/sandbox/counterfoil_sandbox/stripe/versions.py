"""API versions: which are well-formed, and how an object of an older one differs.

Only the pin is imitated in full. An older version is rendered by undoing the changes of docs.stripe.com/changelog that
touch the objects of this sandbox; request parameters follow the pin, but for payment_method_types.
"""

import re
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, invalid, not_imitated
from counterfoil_sandbox.stripe.params import OTHER_METHODS, Array, Choice, Params, Removed

PIN = "2026-10-28.endive"
TYPES_GONE = "2026-09-30"
OLDEST = "2022-11-15"  # before it a PaymentIntent carried a list of charges
_DATE = re.compile(r"20[12]\d-[01]\d-[0-3]\d")
_KNOWN = frozenset(
    (
        OLDEST, "2023-08-16", "2023-10-16", "2024-04-10", "2024-06-20",
        "2024-09-30.acacia", "2024-10-28.acacia", "2024-11-20.acacia", "2024-12-18.acacia", "2025-01-27.acacia",
        "2025-02-24.acacia", "2025-03-01.dashboard", "2025-03-31.basil", "2025-04-30.basil", "2025-05-28.basil",
        "2025-06-30.basil", "2025-07-30.basil", "2025-08-27.basil", "2025-09-30.clover", "2025-10-29.clover",
        "2025-11-17.clover", "2025-12-15.clover", "2026-01-28.clover", "2026-02-25.clover", "2026-03-25.dahlia",
        "2026-04-22.dahlia", "2026-05-27.dahlia", "2026-06-24.dahlia", "2026-07-29.dahlia", "2026-08-26.dahlia",
        "2026-09-30.endive", PIN,
    )
)  # fmt: skip

# Link is a way to pay by card, and is shown and not used
_TYPE = Choice(("card", "link"), tuple(name for name in OTHER_METHODS if name != "link"))
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
    "dispute": (("2026-10-28", "intended_submission_method", _ABSENT),),
    "balance_transaction": (("2025-12-15", "balance_type", _ABSENT),),
    "checkout.session": (("2026-07-29", "allowed_payment_method_types", _ABSENT),),
}


def check(version: str) -> str:
    """Return the version, or raise for one that is malformed, unknown, or too old to be rendered."""
    if version in _KNOWN:
        return version
    if _DATE.fullmatch(version) and version < OLDEST:
        raise not_imitated(f"the API version {version}")
    raise invalid(f"Invalid Stripe API version: {version}")


def split_types(raw: Json, params: Params, version: str) -> tuple[Json, Json]:
    """Return a request without `payment_method_types`, and those apart, where the version still took them."""
    given = raw.get("payment_method_types")
    if version[:10] >= TYPES_GONE or not given or not isinstance(params.fields.get("payment_method_types"), Removed):
        return raw, {}
    types = Array(_TYPE).read("payment_method_types", given)
    return {name: value for name, value in raw.items() if name != "payment_method_types"}, {
        "payment_method_types": types
    }


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
