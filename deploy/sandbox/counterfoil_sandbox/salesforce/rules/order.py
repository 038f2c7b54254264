"""Order and its products: draft first, activation by Status alone, sums that nobody writes.

Follows "Order" and "OrderItem" in the Object Reference: an order is created as a draft; activating means an update that
changes the status; an activated order neither gains nor loses products and cannot be deleted.
"""

from decimal import ROUND_HALF_UP, Decimal

from counterfoil_sandbox.salesforce.errors import RecordError
from counterfoil_sandbox.salesforce.rules.base import Rule, Writer, live_children
from counterfoil_sandbox.salesforce.store import Row

_CENT = Decimal("0.01")
_DRAFT, _ACTIVATED = "Draft", "Activated"


class OrderRule(Rule):
    """Order."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Follow the status and hold what activation fixes."""
        new["StatusCode"] = _status_code(writer, new["Status"])
        if old is None:
            new["TotalAmount"] = Decimal("0.00")
            if new["StatusCode"] != _DRAFT:
                raise RecordError("FAILED_ACTIVATION", _BAD_STATUS, ["Status"])
            return
        if new["StatusCode"] == _ACTIVATED and old["StatusCode"] == _DRAFT:
            self._activate(writer, user, new, given)
        elif new["StatusCode"] == _DRAFT:
            new["ActivatedDate"] = new["ActivatedById"] = None
        self._keep_fixed(writer, old, new)

    def before_delete(self, writer: Writer, row: Row) -> None:
        """Refuse to delete an activated order."""
        _ = writer
        if row["StatusCode"] == _ACTIVATED:
            raise RecordError("DELETE_FAILED", "unable to delete activated order. Deactivate the order to delete it.")

    @staticmethod
    def _activate(writer: Writer, user: str, new: Row, given: Row) -> None:
        if set(given) - {"Status"}:
            raise RecordError(
                "FAILED_ACTIVATION", "When activating an order, only its status can be changed.", ["Status"]
            )
        if not live_children(writer.store, "OrderItem", "OrderId", new["Id"]):
            raise RecordError("FAILED_ACTIVATION", "An order must have at least one product.", ["Status"])
        new["ActivatedDate"], new["ActivatedById"] = writer.now(), user

    @staticmethod
    def _keep_fixed(writer: Writer, old: Row, new: Row) -> None:
        fixed = ["AccountId"] if old["StatusCode"] == _ACTIVATED else []
        if live_children(writer.store, "OrderItem", "OrderId", new["Id"]):
            fixed += ["Pricebook2Id", "CurrencyIsoCode"]
        changed = [name for name in fixed if new.get(name) != old.get(name)]
        if changed:
            raise RecordError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"field integrity exception: {', '.join(changed)} (cannot change on this order any more)",
                changed,
            )


class OrderItemRule(Rule):
    """OrderItem."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Fit the item to its order and compute the total."""
        _ = user, given
        store = writer.store
        order = store.table("Order").rows[new["OrderId"]]
        entry = store.table("PricebookEntry").rows[new["PricebookEntryId"]]
        if old is None:
            _refuse_if_activated(order)
            _fit_order(order, entry)
        new["Product2Id"], new["CurrencyIsoCode"] = entry["Product2Id"], order["CurrencyIsoCode"]
        new["ListPrice"] = entry["UnitPrice"]
        if new.get("UnitPrice") is None:
            new["UnitPrice"] = entry["UnitPrice"]
        new["AvailableQuantity"] = new["Quantity"]
        new["TotalPrice"] = (new["UnitPrice"] * new["Quantity"]).quantize(_CENT, ROUND_HALF_UP)

    def after_save(self, writer: Writer, user: str, old: Row | None, new: Row) -> None:
        """Carry the sum up."""
        _ = old
        _roll_up(writer, user, new["OrderId"])

    def before_delete(self, writer: Writer, row: Row) -> None:
        """Refuse to take a product off an activated order."""
        _refuse_if_activated(writer.store.table("Order").rows[row["OrderId"]])

    def after_delete(self, writer: Writer, user: str, row: Row) -> None:
        """Carry the sum up."""
        _roll_up(writer, user, row["OrderId"])


_BAD_STATUS = "Choose a valid order status and save your changes. Ask your admin for details."


def _status_code(writer: Writer, status: str) -> str:
    rows = writer.store.table("OrderStatus").rows.values()
    code: str = next(row["StatusCode"] for row in rows if row["ApiName"] == status)
    return code


def _refuse_if_activated(order: Row) -> None:
    if order["StatusCode"] == _ACTIVATED:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: OrderId (products cannot be added to or removed from an activated order)",
            ["OrderId"],
        )


def _fit_order(order: Row, entry: Row) -> None:
    if order.get("Pricebook2Id") != entry["Pricebook2Id"]:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: PricebookEntryId (pricebook entry is in another pricebook than the order's)",
            ["PricebookEntryId"],
        )
    if order["CurrencyIsoCode"] != entry["CurrencyIsoCode"]:
        raise RecordError(
            "FIELD_INTEGRITY_EXCEPTION",
            "field integrity exception: PricebookEntryId (pricebook entry currency does not match the order's)",
            ["PricebookEntryId"],
        )


def _roll_up(writer: Writer, user: str, order_id: str) -> None:
    order = writer.store.table("Order").rows.get(order_id)
    if order is None or order["IsDeleted"]:
        return
    items = live_children(writer.store, "OrderItem", "OrderId", order_id)
    total = sum((item["TotalPrice"] for item in items), Decimal("0.00"))
    writer.system_update(user, "Order", order_id, {"TotalAmount": total})
