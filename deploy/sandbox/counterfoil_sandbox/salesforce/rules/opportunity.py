"""Opportunity and its line items, as the Object Reference describes them.

StageName decides IsClosed, IsWon and the forecast category through OpportunityStage. While an opportunity has line
items, Amount is their sum and a value sent for it is silently ignored.
"""

from decimal import ROUND_HALF_UP, Decimal

from counterfoil_sandbox.salesforce.errors import RecordError
from counterfoil_sandbox.salesforce.rules.base import Rule, Writer, live_children
from counterfoil_sandbox.salesforce.store import Row

_CENT = Decimal("0.01")
_MONTHS_PER_QUARTER = 3


class OpportunityRule(Rule):
    """Opportunity."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Derive the read-only fields and hold what line items fix."""
        _ = user
        has_items = bool(old and old["HasOpportunityLineItem"])
        if old is not None and has_items:
            _keep_fixed(old, new)
            if "Amount" in given:
                new["Amount"] = old["Amount"]
        if old is None or old["StageName"] != new["StageName"]:
            _follow_stage(writer, new, given)
        elif "ForecastCategoryName" in given:
            new["ForecastCategory"] = _category(writer, new["ForecastCategoryName"])
        derive(new)


class OpportunityLineItemRule(Rule):
    """OpportunityLineItem: unit price or total price, never both; sums go up to the opportunity."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Fit the item to its opportunity's price book and currency, and compute the other price."""
        if given.get("UnitPrice") is not None and given.get("TotalPrice") is not None:
            raise RecordError(
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: unknown (only one of unit price and total price may be specified)",
            )
        store = writer.store
        entry = store.table("PricebookEntry").rows[new["PricebookEntryId"]]
        if old is None:
            _fit_opportunity(writer, user, new, entry)
        product = store.table("Product2").rows[entry["Product2Id"]]
        new["Product2Id"], new["ProductCode"] = product["Id"], product.get("ProductCode")
        new["ListPrice"], new["CurrencyIsoCode"] = entry["UnitPrice"], entry["CurrencyIsoCode"]
        new["Name"] = f"{store.table('Opportunity').rows[new['OpportunityId']]['Name']} {product['Name']}"
        _price(new, given, entry["UnitPrice"])

    def after_save(self, writer: Writer, user: str, old: Row | None, new: Row) -> None:
        """Carry the sums up."""
        _ = old
        roll_up(writer, user, new["OpportunityId"])

    def after_delete(self, writer: Writer, user: str, row: Row) -> None:
        """Carry the sums up."""
        roll_up(writer, user, row["OpportunityId"])


def derive(new: Row) -> None:
    """Compute ExpectedRevenue and the fiscal fields (a fiscal year that begins in January)."""
    amount, probability = new.get("Amount"), new.get("Probability") or Decimal(0)
    new["ExpectedRevenue"] = None if amount is None else (amount * probability / 100).quantize(_CENT, ROUND_HALF_UP)
    close = new["CloseDate"]
    new["FiscalYear"], new["FiscalQuarter"] = close.year, (close.month - 1) // _MONTHS_PER_QUARTER + 1
    new["Fiscal"] = f"{close.year} {new['FiscalQuarter']}"


def roll_up(writer: Writer, user: str, opportunity_id: str) -> None:
    """Set the sums of an opportunity that is still there; with its last item gone the amount stays."""
    opportunity = writer.store.table("Opportunity").rows.get(opportunity_id)
    if opportunity is None or opportunity["IsDeleted"]:
        return
    items = live_children(writer.store, "OpportunityLineItem", "OpportunityId", opportunity_id)
    changes: Row = {"HasOpportunityLineItem": bool(items)}
    if items:
        changes["Amount"] = sum((item["TotalPrice"] for item in items), Decimal("0.00"))
        changes["TotalOpportunityQuantity"] = sum((item["Quantity"] for item in items), Decimal("0.00"))
    derived = {**opportunity, **changes}
    derive(derived)
    writer.system_update(
        user, "Opportunity", opportunity_id, {**changes, "ExpectedRevenue": derived["ExpectedRevenue"]}
    )


def _keep_fixed(old: Row, new: Row) -> None:
    for name in ("CurrencyIsoCode", "Pricebook2Id"):
        if new.get(name) != old.get(name):
            raise RecordError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"field integrity exception: {name} (cannot change while the opportunity has products)",
                [name],
            )


def _follow_stage(writer: Writer, new: Row, given: Row) -> None:
    stages = writer.store.table("OpportunityStage").rows.values()
    stage = next((row for row in stages if row["ApiName"] == new["StageName"]), None)
    new["IsClosed"] = bool(stage and stage["IsClosed"])
    new["IsWon"] = bool(stage and stage["IsWon"])
    new["LastStageChangeDate"] = writer.now()
    if given.get("ForecastCategoryName") is None:
        new["ForecastCategoryName"] = stage["ForecastCategoryName"] if stage else "Pipeline"
    new["ForecastCategory"] = _category(writer, new["ForecastCategoryName"])
    if given.get("Probability") is None:
        new["Probability"] = stage["DefaultProbability"] if stage else Decimal(0)


def _category(writer: Writer, name: str) -> str:
    stages = writer.store.table("OpportunityStage").rows.values()
    return next((row["ForecastCategory"] for row in stages if row["ForecastCategoryName"] == name), "Omitted")


def _fit_opportunity(writer: Writer, user: str, new: Row, entry: Row) -> None:
    opportunity = writer.store.table("Opportunity").rows[new["OpportunityId"]]
    if opportunity.get("Pricebook2Id") is None:
        writer.system_update(user, "Opportunity", opportunity["Id"], {"Pricebook2Id": entry["Pricebook2Id"]})
    elif opportunity["Pricebook2Id"] != entry["Pricebook2Id"]:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than the one "
            "assigned to the opportunity)",
            ["PricebookEntryId"],
        )
    if opportunity["CurrencyIsoCode"] != entry["CurrencyIsoCode"]:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: PricebookEntryId (pricebook entry currency code does not match opportunity "
            "currency code)",
            ["PricebookEntryId"],
        )


def _price(new: Row, given: Row, list_price: Decimal) -> None:
    quantity = new["Quantity"]
    if not quantity:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION", "field integrity exception: Quantity (must not be 0)", ["Quantity"]
        )
    if given.get("TotalPrice") is not None:
        new["UnitPrice"] = (new["TotalPrice"] / quantity).quantize(_CENT, ROUND_HALF_UP)
        new["Subtotal"] = new["TotalPrice"]
        return
    if new.get("UnitPrice") is None:
        new["UnitPrice"] = list_price
    new["Subtotal"] = (new["UnitPrice"] * quantity).quantize(_CENT, ROUND_HALF_UP)
    discount = new.get("Discount") or Decimal(0)
    new["TotalPrice"] = (new["Subtotal"] * (100 - discount) / 100).quantize(_CENT, ROUND_HALF_UP)
