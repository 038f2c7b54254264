"""The records an org starts with: currencies, stages, users, a price book, accounts, opportunities and orders.

Everything is written through the ordinary write path with a fixed clock, so derived fields and sums are the real ones.
Names and addresses are invented; mail goes to example.com, which no one owns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from counterfoil_sandbox.salesforce.dml import Dml, WriteContext
from counterfoil_sandbox.salesforce.ids import IdFactory
from counterfoil_sandbox.salesforce.standard import CURRENCIES

SEEDED_AT = datetime(2026, 9, 1, 8, 0, 0, tzinfo=UTC)
USERNAME = "integration@counterfoil-sandbox.example.com"

_RATES = {"USD": ("1", 2), "EUR": ("0.92", 2), "GBP": ("0.79", 2), "JPY": ("152.5", 0), "KWD": ("0.307", 3)}
_STAGES = (
    # label, probability, forecast category, its name, closed, won
    ("Prospecting", 10, "Pipeline", "Pipeline", False, False),
    ("Qualification", 10, "Pipeline", "Pipeline", False, False),
    ("Needs Analysis", 20, "Pipeline", "Pipeline", False, False),
    ("Value Proposition", 50, "Pipeline", "Pipeline", False, False),
    ("Id. Decision Makers", 60, "Pipeline", "Pipeline", False, False),
    ("Perception Analysis", 70, "Pipeline", "Pipeline", False, False),
    ("Proposal/Price Quote", 75, "BestCase", "Best Case", False, False),
    ("Negotiation/Review", 90, "Forecast", "Commit", False, False),
    ("Closed Won", 100, "Closed", "Closed", True, True),
    ("Closed Lost", 0, "Omitted", "Omitted", True, False),
)
_ACCOUNTS = (
    # name, city, country, currency, contact's first and last name
    ("Brightwater Instruments", "Portland", "United States", "USD", "Dana", "Whitfield"),
    ("Kestrel & Sons", "Bristol", "United Kingdom", "GBP", "Owen", "Marsh"),
    ("Lindenhof Maschinenbau", "Kassel", "Germany", "EUR", "Jutta", "Reinhardt"),
    ("Asahi Kogei", "Osaka", "Japan", "JPY", "Haruka", "Mori"),
    ("Al Noor Trading", "Kuwait City", "Kuwait", "KWD", "Yusuf", "Haddad"),
    ("Atelier Perrin", "Lyon", "France", "EUR", "Claire", "Perrin"),
    ("Northgate Clinics", "Denver", "United States", "USD", "Luis", "Ortega"),
)
_PRODUCTS = (
    (
        "Platform Subscription",
        "CF-SUB",
        {"USD": "120.00", "EUR": "110.00", "GBP": "95.00", "JPY": "18000", "KWD": "36.84"},
    ),
    (
        "Onboarding Package",
        "CF-ONB",
        {"USD": "1500.00", "EUR": "1380.00", "GBP": "1190.00", "JPY": "230000", "KWD": "460.50"},
    ),
)
_OPPORTUNITIES = (
    # account, name, amount, currency, stage, (product, quantity) pairs
    (0, "Brightwater Annual Plan", "1250.00", "USD", "Negotiation/Review", ()),
    (0, "Brightwater Expansion", None, "USD", "Proposal/Price Quote", ((0, 10), (1, 1))),
    (1, "Kestrel Renewal", "840.50", "GBP", "Negotiation/Review", ()),
    (2, "Lindenhof Pilot", "99.99", "EUR", "Qualification", ()),
    (2, "Lindenhof Rollout", None, "EUR", "Value Proposition", ((0, 25), (1, 2))),
    (3, "Asahi Kogei Starter", "50000", "JPY", "Negotiation/Review", ()),
    (3, "Asahi Kogei Seats", None, "JPY", "Proposal/Price Quote", ((0, 3),)),
    (4, "Al Noor Pilot", "12.34", "KWD", "Negotiation/Review", ()),
    (4, "Al Noor Seats", None, "KWD", "Perception Analysis", ((0, 5),)),
    (5, "Atelier Perrin Licence", "430.00", "EUR", "Prospecting", ()),
    (6, "Northgate Clinics Year One", "9999.95", "USD", "Negotiation/Review", ()),
    (6, "Northgate Clinics Training", "0.50", "USD", "Needs Analysis", ()),
)
_ORDERS = (
    # account, name, currency, (product, quantity) pairs, activated
    (0, "Brightwater Order", "USD", ((0, 2),), False),
    (1, "Kestrel Order", "GBP", ((0, 1), (1, 1)), True),
    (2, "Lindenhof Order", "EUR", ((1, 1),), True),
    (3, "Asahi Kogei Order", "JPY", ((0, 1),), False),
    (4, "Al Noor Order", "KWD", ((0, 4),), True),
)


@dataclass(frozen=True)
class Seeded:
    """The ids everything else refers to."""

    org_id: str
    user_id: str


class _Seeder:
    """Writes as the given user at the fixed time."""

    def __init__(self, dml: Dml, ids: IdFactory) -> None:
        self._dml = dml
        self._ids = ids
        self.user = ids.make("005")

    def raw(self, name: str, record_id: str | None = None, **values: Any) -> str:
        """Store a record of an object that no API may write."""
        sobject = self._dml.store.schema.objects[name]
        row = {item.name: item.default for item in sobject.fields.values()}
        stamps = {"CreatedDate": SEEDED_AT, "LastModifiedDate": SEEDED_AT, "SystemModstamp": SEEDED_AT}
        row |= {"Id": record_id or self._ids.make(sobject.key_prefix), **stamps}
        row |= {"CreatedById": self.user, "LastModifiedById": self.user, "IsDeleted": False, **values}
        self._dml.store.put(name, row)
        return str(row["Id"])

    def add(self, name: str, body: Mapping[str, Any]) -> str:
        """Create a record as a client would."""
        return self._dml.insert(WriteContext(self.user), self._dml.store.schema.objects[name], body)

    def change(self, name: str, record_id: str, body: Mapping[str, Any]) -> None:
        """Update a record as a client would."""
        self._dml.update(WriteContext(self.user), self._dml.store.schema.objects[name], record_id, body)


def seed_org(dml: Dml, ids: IdFactory) -> Seeded:
    """Fill an empty org."""
    dml.clock = lambda: SEEDED_AT
    seeder = _Seeder(dml, ids)
    with dml.store.transaction():
        _currencies_and_statuses(seeder)
        _stages(seeder)
        org_id = _user_and_organization(seeder)
        book = seeder.raw("Pricebook2", Name="Standard Price Book", IsActive=True, IsStandard=True, IsArchived=False)
        entries = _price_book(seeder, book)
        accounts = [_account(seeder, number, row) for number, row in enumerate(_ACCOUNTS)]
        _opportunities(seeder, accounts, entries)
        _orders(seeder, accounts, entries, book)
    return Seeded(org_id, seeder.user)


def _currencies_and_statuses(seeder: _Seeder) -> None:
    for code in CURRENCIES:
        rate, places = _RATES[code]
        seeder.raw(
            "CurrencyType",
            IsoCode=code,
            ConversionRate=Decimal(rate).quantize(Decimal("0.000001")),
            DecimalPlaces=places,
            IsActive=True,
            IsCorporate=code == CURRENCIES[0],
        )
    for number, code in enumerate(("Draft", "Activated"), start=1):
        seeder.raw(
            "OrderStatus", MasterLabel=code, ApiName=code, SortOrder=number, IsDefault=number == 1, StatusCode=code
        )


def _stages(seeder: _Seeder) -> None:
    for number, (label, probability, category, category_name, closed, won) in enumerate(_STAGES, start=1):
        seeder.raw(
            "OpportunityStage",
            MasterLabel=label,
            ApiName=label,
            IsActive=True,
            SortOrder=number,
            IsClosed=closed,
            IsWon=won,
            ForecastCategory=category,
            ForecastCategoryName=category_name,
            DefaultProbability=Decimal(probability),
        )


def _user_and_organization(seeder: _Seeder) -> str:
    settings = {"TimeZoneSidKey": "America/Los_Angeles", "LanguageLocaleKey": "en_US"}
    seeder.raw(
        "User",
        seeder.user,
        Username=USERNAME,
        FirstName="Counterfoil",
        LastName="Integration",
        Name="Counterfoil Integration",
        Email="integration@example.com",
        Alias="cfint",
        CommunityNickname="counterfoil",
        IsActive=True,
        UserType="Standard",
        LocaleSidKey="en_US",
        EmailEncodingKey="UTF-8",
        DefaultCurrencyIsoCode="USD",
        CurrencyIsoCode="USD",
        **settings,
    )
    return seeder.raw(
        "Organization",
        Name="Counterfoil Sandbox",
        Country="US",
        DefaultLocaleSidKey="en_US",
        FiscalYearStartMonth=1,
        InstanceName="CS00",
        IsSandbox=True,
        OrganizationType="Enterprise Edition",
        **settings,
    )


def _opportunities(seeder: _Seeder, accounts: list[str], entries: list[dict[str, str]]) -> None:
    for number, (account, name, amount, currency, stage, lines) in enumerate(_OPPORTUNITIES):
        record = seeder.add(
            "Opportunity",
            {
                "AccountId": accounts[account],
                "Name": name,
                "Amount": amount,
                "CurrencyIsoCode": currency,
                "StageName": stage,
                "CloseDate": f"2026-12-{10 + number}",
                "Type": "New Business",
            },
        )
        _lines(seeder, "OpportunityLineItem", {"OpportunityId": record}, _priced(entries, currency, lines))


def _orders(seeder: _Seeder, accounts: list[str], entries: list[dict[str, str]], book: str) -> None:
    for account, name, currency, lines, activated in _ORDERS:
        record = seeder.add(
            "Order",
            {
                "AccountId": accounts[account],
                "Name": name,
                "CurrencyIsoCode": currency,
                "Status": "Draft",
                "EffectiveDate": "2026-10-01",
                "Pricebook2Id": book,
            },
        )
        _lines(seeder, "OrderItem", {"OrderId": record}, _priced(entries, currency, lines))
        if activated:
            seeder.change("Order", record, {"Status": "Activated"})


def _priced(
    entries: list[dict[str, str]], currency: str, lines: Iterable[tuple[int, int]]
) -> list[tuple[str, str, int]]:
    """Turn (product, quantity) pairs into price book entry, unit price and quantity."""
    return [(entries[product][currency], _PRODUCTS[product][2][currency], quantity) for product, quantity in lines]


def _account(seeder: _Seeder, number: int, facts: tuple[str, ...]) -> str:
    name, city, country, currency, first, last = facts
    account = seeder.add(
        "Account",
        {
            "Name": name,
            "BillingCity": city,
            "BillingCountry": country,
            "CurrencyIsoCode": currency,
            "AccountNumber": f"A-{number + 1:04d}",
            "Type": "Customer - Direct",
        },
    )
    seeder.add(
        "Contact",
        {
            "AccountId": account,
            "FirstName": first,
            "LastName": last,
            "Email": f"{first}.{last}@example.com".lower(),
            "CurrencyIsoCode": currency,
        },
    )
    return account


def _price_book(seeder: _Seeder, book: str) -> list[dict[str, str]]:
    """Return, per product, the price book entry of each currency."""
    entries = []
    for name, code, prices in _PRODUCTS:
        product = seeder.add("Product2", {"Name": name, "ProductCode": code, "IsActive": True})
        entries.append(
            {
                currency: seeder.add(
                    "PricebookEntry",
                    {
                        "Pricebook2Id": book,
                        "Product2Id": product,
                        "UnitPrice": price,
                        "CurrencyIsoCode": currency,
                        "IsActive": True,
                    },
                )
                for currency, price in prices.items()
            }
        )
    return entries


def _lines(seeder: _Seeder, name: str, parent: Mapping[str, str], items: Iterable[tuple[str, str, int]]) -> None:
    """Add line items, each given as price book entry, unit price and quantity."""
    for entry, price, quantity in items:
        seeder.add(name, {**parent, "PricebookEntryId": entry, "UnitPrice": price, "Quantity": quantity})
