"""Money is an integer in the currency's minor unit, as Stripe counts it; a Decimal only at the edge to Salesforce.

Source of the tables: docs.stripe.com/currencies (zero-decimal, three-decimal and special-case currencies). A currency
outside the tables has two digits, as that page says. No float is accepted anywhere.
"""

from decimal import Decimal

from service.errors import Refused

_ZERO = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
# No minor unit in life, two digits in Stripe's API, which must be zeros.
_WHOLE_UNITS_ONLY = frozenset({"ISK", "UGX"})


def minor_digits(currency: str) -> int:
    """Return how many decimal digits Stripe's integer amounts of `currency` (three letters, any case) carry.

    Raises:
        Refused: CURRENCY_INVALID, for anything but three letters.
    """
    code = currency.upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():  # noqa: PLR2004  (ISO 4217)
        raise Refused(
            f"{currency!r} is not a currency code: set the record's currency to three letters of ISO 4217",
            reason="CURRENCY_INVALID",
        )
    if code in _ZERO:
        return 0
    return 3 if code in _THREE else 2


def to_minor(amount: Decimal, currency: str) -> int:
    """Return `amount` in minor units of `currency`; exact or refused, never rounded.

    Raises:
        Refused: AMOUNT_NOT_EXACT when the amount has more digits than the currency (or than Stripe takes of it),
            CURRENCY_INVALID.
    """
    digits = minor_digits(currency)
    scaled = amount.scaleb(digits)
    whole = scaled.to_integral_value()
    code = currency.upper()
    # Stripe takes three-decimal amounts only in steps of ten, and ISK and UGX only in whole units.
    step = {3: 10}.get(digits, 100 if code in _WHOLE_UNITS_ONLY else 1)
    if whole != scaled or int(whole) % step:
        raise Refused(
            f"the amount {amount} cannot be charged in {code} exactly: round it on the record",
            reason="AMOUNT_NOT_EXACT",
            metadata={"currency": code},
        )
    return int(whole)


def from_minor(amount_minor: int, currency: str) -> Decimal:
    """Return an amount in minor units as an exact Decimal in units of `currency`."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))
