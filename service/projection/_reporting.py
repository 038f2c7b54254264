"""A payment in the currency its legal entity reports in, with the rate, where that came from, and when it was true.

Stripe's own rate serves when Stripe settles in that currency; a payment made in it needs none. Otherwise the fields
stay empty: no rate is guessed. Decimals only; the amount is rounded half to even, to the digits of the currency.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from service.domain import from_minor, minor_digits
from service.projection._facts import PaymentFacts
from service.projection._families import Family
from service.projection._values import Fields, unix, when

_SAME, _STRIPE = "Same_Currency", "Stripe"


def converted(amount: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return an amount at a rate, rounded half to even to the digits of `currency`."""
    return (amount * rate).quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_EVEN)


def reporting_fields(facts: PaymentFacts, family: Family, currency: str | None) -> Fields:
    """Return the reporting fields of Payment__c; all empty while the rate is not known."""
    rate, source, at = _rate(facts, family, currency)
    amount = None
    if currency is not None and rate is not None and facts.currency is not None and facts.amount_minor is not None:
        amount = converted(from_minor(facts.amount_minor, facts.currency), rate, currency)
    known = amount is not None
    return {
        "Reporting_Amount__c": amount,
        "Reporting_Currency__c": currency if known else None,
        "Reporting_Rate__c": rate if known else None,
        "Reporting_Rate_Source__c": source if known else None,
        "Reporting_Rate_At__c": at if known else None,
    }


def _rate(facts: PaymentFacts, family: Family, currency: str | None) -> tuple[Decimal | None, str | None, str | None]:
    if currency is None:
        return None, None, None
    if facts.currency == currency:
        return Decimal(1), _SAME, when(facts.created_at)
    settled = family.find("balance_transaction", facts.balance_transaction_id)
    if settled is not None and facts.settlement_currency == currency and facts.exchange_rate is not None:
        return facts.exchange_rate, _STRIPE, unix((settled.body or {}).get("created"))
    return None, None, None
