"""The terms of a payment, read from the Opportunity or Order once and kept: a retry charges what was asked first."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from service.clients import SalesforceApi, format_soql
from service.commands._line_items import MAX_LINES, LineItem, line_items, lines_query
from service.config import Org
from service.domain import SOURCE_OBJECTS, sobject_of, to_minor
from service.errors import Refused
from service.mapping import Names, field_name

_AMOUNT_FIELD = {"Opportunity": "Amount", "Order": "TotalAmount"}
_NAME_FIELD = {"Opportunity": "Name", "Order": "OrderNumber"}
_DATE_FIELD = {"Opportunity": "CloseDate", "Order": "EffectiveDate"}
_STATE_FIELDS = {"Opportunity": ("IsClosed", "IsWon"), "Order": ("StatusCode",)}
_CUSTOMER_FIELD = "Stripe_Customer_Id__c"
_DEAD_ORDER = frozenset({"Canceled", "Cancelled", "Expired", "Superseded"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be paid, by whom.

    `amount_minor` is in minor units of `currency` (lower case, as Stripe takes it); `dated` is the record's date, by
    which the books count it, as ISO 8601.
    """

    amount_minor: int
    currency: str
    account_id: str
    account_name: str
    customer_id: str | None
    title: str
    dated: str | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Terms":
        """Return the terms that the ledger kept, whatever stands beside them."""
        return cls(**{field.name: stored[field.name] for field in fields(cls)})

    def binding(self) -> tuple[int, str, str]:
        """Return what must not differ when the same action is asked again."""
        return (self.amount_minor, self.currency, self.account_id)

    def stored(self) -> dict[str, Any]:
        """Return the terms as the ledger keeps them."""
        return asdict(self)


def terms_fields(names: Names, customer_field: str = _CUSTOMER_FIELD) -> dict[str, tuple[str, ...]]:
    """Return what is read of each kind of source, as an org with these names has it; "Account.X" is the Account's X.

    `CurrencyIsoCode` is read besides, where the org has it.
    """
    # An org that keeps the customer nowhere gets a new customer where the mirror knows none.
    customer = field_name(names, "Account", customer_field)
    account = ("AccountId", "Account.Name", *([f"Account.{customer}"] if customer else []))
    return {
        sobject: (
            "Id",
            _NAME_FIELD[sobject],
            _AMOUNT_FIELD[sobject],
            _DATE_FIELD[sobject],
            *_STATE_FIELDS[sobject],
            *account,
        )
        for sobject in SOURCE_OBJECTS.values()
    }


class TermsReader:
    """Reads terms from one org; `names` are its own names for our fields."""

    def __init__(self, salesforce: SalesforceApi, org: Org, names: Names) -> None:
        self._salesforce = salesforce
        self._org = org
        self._names = names
        self._fields: dict[str, frozenset[str]] = {}

    async def read(self, record_id: str, *, customer_field: str = _CUSTOMER_FIELD) -> Terms:
        """Read a record and return its terms; `customer_field` is the Account's field with the entity's customer id.

        Raises:
            Refused: RECORD_NOT_FOUND, RECORD_NOT_PAYABLE, ACCOUNT_MISSING, AMOUNT_MISSING, AMOUNT_NOT_EXACT,
                CURRENCY_MISSING or CURRENCY_INVALID; the text names the field and the remedy.
            VendorError: Salesforce did not answer as it should.
        """
        sobject = sobject_of(record_id)
        wanted = terms_fields(self._names, customer_field)[sobject]
        selected = [*wanted, *(["CurrencyIsoCode"] if await self._has_currency(sobject) else [])]
        # Names of fields are ours; the only value is quoted by the library.
        query = format_soql(f"SELECT {', '.join(selected)} FROM {sobject} WHERE Id = {{}}", record_id)  # noqa: S608  (see above)
        rows = await self._salesforce.query(query, limit=1)
        if not rows:
            raise _not_found(sobject)
        return _terms(sobject, rows[0], self._org, field_name(self._names, "Account", customer_field))

    async def currency(self, record_id: str) -> str | None:
        """Return the currency of a record's amounts, in capital letters; None if neither it nor the org names one."""
        sobject = sobject_of(record_id)
        found = self._org.currency
        if await self._has_currency(sobject):
            query = format_soql(f"SELECT CurrencyIsoCode FROM {sobject} WHERE Id = {{}}", record_id)  # noqa: S608  (one of ours)
            rows = await self._salesforce.query(query, limit=1)
            found = (rows[0].get("CurrencyIsoCode") if rows else None) or found
        return found.upper() if found else None

    async def line_items(self, record_id: str, terms: Terms) -> list[LineItem]:
        """Return the line items of a record, in their order; `terms` are the record's.

        Raises:
            Refused: LINES_MISSING, LINES_TOO_MANY, AMOUNT_NOT_EXACT or CURRENCY_MISMATCH.
            VendorError: Salesforce did not answer as it should.
        """
        sobject = sobject_of(record_id)
        many = await self._has_currency(sobject)
        rows = await self._salesforce.query(
            lines_query(self._names, sobject, record_id, with_currency=many), limit=MAX_LINES + 1
        )
        return line_items(rows, self._names, sobject, terms.currency)

    async def select(
        self, sobject: str, record_id: str, wanted: Collection[str], where_known: Collection[str]
    ) -> dict[str, Any]:
        """Read fields of a record by the org's own names; those of `where_known` only if the org has them.

        Raises:
            Refused: RECORD_NOT_FOUND.
            VendorError: Salesforce did not answer as it should.
        """
        known = await self._known(sobject)
        fields = dict.fromkeys(["Id", *wanted, *(field for field in where_known if field in known)])
        query = format_soql(f"SELECT {', '.join(fields)} FROM {sobject} WHERE Id = {{}}", record_id)  # noqa: S608  (of the configuration, which checks their form)
        rows = await self._salesforce.query(query, limit=1)
        if not rows:
            raise _not_found(sobject)
        return rows[0]

    def own_name(self, sobject: str, field: str) -> str | None:
        """Return what the org calls a field of ours; None if it leaves it out."""
        return field_name(self._names, sobject, field)

    async def _has_currency(self, sobject: str) -> bool:
        """Tell whether the org is multi-currency: only then the field exists, and naming it elsewhere is an error."""
        return "CurrencyIsoCode" in await self._known(sobject)

    async def _known(self, sobject: str) -> frozenset[str]:
        """Return the fields of an object as the org described them first; what it gains is noticed after a restart."""
        if sobject not in self._fields:
            description = await self._salesforce.describe(sobject) or {}
            self._fields[sobject] = frozenset(field["name"] for field in description.get("fields", ()))
        return self._fields[sobject]


def _not_found(sobject: str) -> Refused:
    return Refused(
        f"the {sobject} does not exist or may not be read: check the id and the integration user's access",
        reason="RECORD_NOT_FOUND",
    )


def _terms(sobject: str, row: dict[str, Any], org: Org, customer_field: str | None) -> Terms:
    _refuse_closed(sobject, row)
    account = row.get("Account") or {}
    if not row.get("AccountId"):
        raise Refused(f"the {sobject} has no Account: choose one, it becomes the customer", reason="ACCOUNT_MISSING")
    amount = row.get(_AMOUNT_FIELD[sobject])
    if amount is None or Decimal(amount) <= 0:
        raise Refused(
            f"the {sobject} has no positive {_AMOUNT_FIELD[sobject]}: enter the amount to be paid",
            reason="AMOUNT_MISSING",
        )
    currency = row.get("CurrencyIsoCode") or org.currency
    if not currency:
        raise Refused(
            f"the {sobject} carries no currency: set 'currency' of this single-currency org in the configuration",
            reason="CURRENCY_MISSING",
        )
    return Terms(
        amount_minor=to_minor(Decimal(amount), currency),
        currency=str(currency).lower(),
        account_id=row["AccountId"],
        account_name=account.get("Name") or "",
        customer_id=account.get(customer_field) if customer_field else None,
        title=str(row.get(_NAME_FIELD[sobject]) or sobject),
        dated=row.get(_DATE_FIELD[sobject]),
    )


def _refuse_closed(sobject: str, row: dict[str, Any]) -> None:
    lost = sobject == "Opportunity" and row.get("IsClosed") and not row.get("IsWon")
    if lost or row.get("StatusCode") in _DEAD_ORDER:
        raise Refused(
            f"the {sobject} is closed without a sale: reopen it before asking for a payment",
            reason="RECORD_NOT_PAYABLE",
        )
