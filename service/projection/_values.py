"""How values of Stripe's are written to Salesforce, and what every rule is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.currencies import EMPTY, CurrencyBook, Reporting
from service.domain import DesiredRecord, Reference, Value, from_minor, moment
from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._routing import CUSTOMER_FIELD, Route

KEY = "Stripe_Id__c"
Fields = dict[str, Value | Reference]


@dataclass(frozen=True, slots=True)
class Lane:
    """What a rule is told besides the family: where the records go, and what must stay in order with them."""

    org: str
    key: str
    # What members of the family name in other families, as far as it is known.
    linked: Mapping[tuple[str, str], MirrorRow] = field(default_factory=dict)
    # Where the family belongs, and how the customer's id is called in its org.
    route: Route = field(default_factory=Route)
    customer_field: str = CUSTOMER_FIELD
    # What the entity reports in, and what its org says of currencies.
    reporting: Reporting | None = None
    book: CurrencyBook = EMPTY

    def known(self, row: MirrorRow) -> MirrorRow | None:
        """Return what `row` names in another family, once it is known."""
        return self.linked.get((row.entity, row.linked_id or ""))

    def record(  # noqa: PLR0917  (as a sentence: this object, this id, these fields)
        self,
        sobject: str,
        key: str,
        fields: Fields,
        rank: int,
        parent: Reference | None = None,
        traceparent: str | None = None,
    ) -> DesiredRecord:
        """Return a record of ours, known by its Stripe id. Rank: parents before children, 0 first."""
        return DesiredRecord(self.org, sobject, KEY, key, fields, self.key, rank, parent, traceparent)


Rule = Callable[[Family, Lane], Iterator[DesiredRecord]]


def reference(sobject: str, key: str) -> Reference:
    """Return a lookup to a record of ours by its Stripe id."""
    return Reference(sobject, KEY, key)


def money(amount_minor: Any, currency: str | None) -> Decimal | None:
    """Return an amount of minor units as a Decimal; None while either is unknown."""
    if not isinstance(amount_minor, int) or currency is None:
        return None
    return from_minor(amount_minor, currency)


def minor(value: Any) -> int:
    """Return an amount in minor units to reckon with; 0 for what is no amount."""
    return value if isinstance(value, int) else 0


def currency_of(body: dict[str, Any]) -> str | None:
    """Return an object's currency in upper case."""
    return str(body.get("currency") or "").upper() or None


def when(time: datetime | None) -> str | None:
    """Return a UTC time as Salesforce takes it."""
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(value: Any) -> str | None:
    """Return a time in Unix seconds as Salesforce takes it; None for what is no time."""
    return when(moment(value))


def cut(value: Any, length: int) -> str | None:
    """Return text no longer than the field takes."""
    return None if value is None else str(value)[:length]


def rate(value: Any) -> Decimal | None:
    """Return Stripe's exchange rate, exact to its printed digits; a JSON number, and no amount of money."""
    return None if value is None else Decimal(str(value))
