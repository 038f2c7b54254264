"""A payment in the currency its legal entity reports in, with the rate, where that came from, and when it was true.

A payment made in that currency needs no rate. Otherwise it is Stripe's own, where Stripe settles in that currency, or
Salesforce's, of today or of the day (in UTC) the payment was made: the configuration says which. Nobody's rate is
guessed: without one the fields stay empty, and the payment is kept as one that lacks it.

The amount is the exact product, rounded half to even, to the digits of the currency; the rate that is shown is rounded
to nine decimals, likewise.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from service.currencies import DATED, CurrencyBook, Missing, Quote, Reporting
from service.domain import from_minor, minor_digits, moment
from service.mapping import Names, mapping_version
from service.mirror import MirrorRow
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import Family
from service.projection._values import Fields, when

_STRIPE = "stripe"
_SAME = "Same_Currency"
_WORDS = {_STRIPE: "Stripe", "salesforce": "Salesforce", DATED: "Salesforce_Dated"}
_RATE_DIGITS = 9


def converted(amount: Decimal, rate: Decimal | Fraction, currency: str) -> Decimal:
    """Return an amount at a rate, rounded half to even to the digits of `currency`."""
    return _rounded(Fraction(amount) * Fraction(rate), minor_digits(currency))


def _rounded(value: Fraction, digits: int) -> Decimal:
    return Decimal(round(value * 10**digits)).scaleb(-digits)


def reporting_fields(facts: PaymentFacts, family: Family, reporting: Reporting | None, book: CurrencyBook) -> Fields:
    """Return the reporting fields of Payment__c; all empty while the rate is not known."""
    quote, source = _quote(facts, family, reporting, book)
    amount = None
    if reporting and quote and facts.currency is not None and facts.amount_minor is not None:
        amount = converted(from_minor(facts.amount_minor, facts.currency), quote.rate, reporting.currency)
    known = quote if amount is not None else None
    return {
        "Reporting_Amount__c": amount,
        "Reporting_Currency__c": reporting.currency if reporting and known else None,
        "Reporting_Rate__c": _rounded(known.rate, _RATE_DIGITS) if known else None,
        "Reporting_Rate_Source__c": source if known else None,
        "Reporting_Rate_At__c": when(known.at) if known else None,
    }


def missing_rates(family: Family, reporting: Reporting, book: CurrencyBook) -> Iterator[Missing]:
    """Yield what is missing if a family is a payment whose rate should be known by now."""
    for attempt in family.attempts():
        yield from _missing_rate(attempt, reporting, book)


def _missing_rate(family: Family, reporting: Reporting, book: CurrencyBook) -> Iterator[Missing]:
    intent = family.intent()
    if intent is None:
        return
    facts = payment_facts(family)
    if facts.currency is None or facts.amount_minor is None or _quote(facts, family, reporting, book)[0] is not None:
        return
    # Stripe has a rate only once it has settled: until then it is the fee, not the rate, that is late.
    if reporting.rates != _STRIPE or _settled(facts, family) is not None:
        yield Missing(intent.entity, intent.object_id, facts.currency, reporting.currency, reporting.rates)


def org_version(names: Names, reporting: Mapping[str, Reporting], book: CurrencyBook) -> str:
    """Return what tells an org's mapping, what its entities report in, and its active currencies from any other."""
    active = {"active": list(book.active)} if book.active else {}
    return mapping_version(names, {name: list(one) for name, one in reporting.items()}, active)


def _quote(
    facts: PaymentFacts, family: Family, reporting: Reporting | None, book: CurrencyBook
) -> tuple[Quote | None, str | None]:
    if reporting is None or facts.currency is None:
        return None, None
    if facts.currency == reporting.currency:
        return Quote(Fraction(1), facts.created_at), _SAME
    word = _WORDS[reporting.rates]
    if reporting.rates != _STRIPE:
        intent = family.intent()
        made = intent.created_at if intent else None
        return book.quote(reporting.rates, facts.currency, reporting.currency, made), word
    settled = _settled(facts, family)
    if settled is None or facts.settlement_currency != reporting.currency or facts.exchange_rate is None:
        return None, None
    return Quote(Fraction(facts.exchange_rate), moment((settled.body or {}).get("created"))), word


def _settled(facts: PaymentFacts, family: Family) -> MirrorRow | None:
    return family.find("balance_transaction", facts.balance_transaction_id)
