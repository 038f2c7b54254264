"""Small rules: names of people, uniqueness of price book entries, closed tasks."""

from counterfoil_sandbox.salesforce.errors import RecordError
from counterfoil_sandbox.salesforce.rules.base import Rule, Writer, live_children
from counterfoil_sandbox.salesforce.store import Row


class PersonRule(Rule):
    """Contact and User: Name is first and last name."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Compose Name."""
        _ = writer, user, old, given
        new["Name"] = " ".join(part for part in (new.get("FirstName"), new.get("LastName")) if part)


class TaskRule(Rule):
    """Task: IsClosed follows Status."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Derive IsClosed, IsHighPriority and the completion time."""
        _ = user, old, given
        new["IsClosed"] = new.get("Status") == "Completed"
        new["IsHighPriority"] = new.get("Priority") == "High"
        new["CompletedDateTime"] = (new.get("CompletedDateTime") or writer.now()) if new["IsClosed"] else None


class PricebookEntryRule(Rule):
    """PricebookEntry: one per product, price book and currency; its name and code are the product's."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Copy the product's name and refuse a second entry for the same three."""
        _ = user, given
        product = writer.store.table("Product2").rows[new["Product2Id"]]
        new["Name"], new["ProductCode"] = product["Name"], product.get("ProductCode")
        if old is not None:
            return
        for other in live_children(writer.store, "PricebookEntry", "Product2Id", new["Product2Id"]):
            if (other["Pricebook2Id"], other["CurrencyIsoCode"]) == (new["Pricebook2Id"], new["CurrencyIsoCode"]):
                raise RecordError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: Pricebook2Id,Product2Id duplicates value on record with id: {other['Id']}",
                )
