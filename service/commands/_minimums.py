"""The smallest amounts that Stripe charges, by currency. Pure.

An invoice below them is not refused by Stripe: it counts as paid, and its amount is carried to the next invoice of the
customer (docs.stripe.com/currencies, "Minimum and maximum charge amounts"). So it is refused here. A currency without
an entry is converted by Stripe, at a rate that nobody knows before.
"""

from service.domain import from_minor
from service.errors import Refused

_MINIMUM = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200,
    "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip


def refuse_tiny(amount_minor: int, currency: str) -> None:
    """Refuse an amount that Stripe would not charge.

    Raises:
        Refused: AMOUNT_TOO_SMALL, with both figures.
    """
    code = currency.upper()
    least = _MINIMUM.get(code, 1)
    if amount_minor < least:
        shown = [format(from_minor(value, code), "f") for value in (amount_minor, least)]
        raise Refused(
            f"the amount is {shown[0]} {code}, and Stripe charges {shown[1]} {code} at least: ask for more",
            reason="AMOUNT_TOO_SMALL",
            metadata={"amount_minor": str(amount_minor), "least_minor": str(least), "currency": code},
        )
