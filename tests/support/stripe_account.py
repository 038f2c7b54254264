"""A model of a Stripe account: its objects as they are now, the events told on the way, and what Stripe answers.

It is the truth a test compares with. Objects have only the fields that we read. Amounts are in cents; times are whole
seconds, in which several things may happen. Of lines an invoice shows ten (docs.stripe.com/api/invoices/object).
"""

import copy
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from tests.support.scripted_vendor import Reply, Request

START = 1_790_000_000
ACCOUNT, OPPORTUNITY = "001000000000001AAA", "006000000000001AAA"
LINES_SHOWN = 10
Body = dict[str, Any]
_PLURALS = {
    "balance_transactions": "balance_transaction", "charges": "charge", "credit_notes": "credit_note",
    "customers": "customer", "disputes": "dispute", "invoice_payments": "invoice_payment", "invoices": "invoice",
    "payment_intents": "payment_intent", "payouts": "payout", "refunds": "refund",
}  # fmt: skip
_LEAVES_NOTHING = "invoice"


@dataclass(frozen=True)
class Told:
    """An event: an object as it was, Stripe's whole second, and what happened."""

    body: Body
    created: int
    verb: str


@dataclass
class StripeAccount:
    """The objects by id, and the events so far, oldest first."""

    now: int = START
    objects: dict[str, Body] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    events: list[Told] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)  # what each payout holds

    def make(self, kind: str, key: str, *, told: bool = True, **fields: Any) -> Body:
        """Make an object; of a balance transaction there is no event."""
        self.objects[key] = {"id": key, "object": kind, "created": self.now, "livemode": False, **fields}
        if told:
            self.tell(key, "created")
        return self.objects[key]

    def move(self, source: str, amount: int, fee: int = 0) -> str:
        """Make the balance transaction of what moved money; return its id."""
        key = f"txn_{len(self.objects)}"
        category = {"ch": "charge", "re": "refund", "du": "dispute", "po": "payout"}[source[:2]]
        money = {"amount": amount, "fee": fee, "net": amount - fee, "currency": "usd", "status": "pending"}
        self.make("balance_transaction", key, told=False, source=source, type=category, reporting_category=category,
                  **money)  # fmt: skip
        return key

    def change(self, key: str, **fields: Any) -> None:
        """Change an object that is still there."""
        if key not in self.deleted:
            self.objects[key] |= fields
            self.tell(key, "updated")

    def delete(self, key: str) -> None:
        """Delete a customer, or an invoice that is a draft; nothing else can be."""
        if key in self.deleted or self.objects[key].get("status", "draft") != "draft":
            return
        self.tell(key, "deleted")
        self.deleted.add(key)

    def tell(self, key: str, verb: str) -> None:
        """Make an event of an object as it is now."""
        self.events.append(Told(self.shown(self.objects[key]), self.now, verb))

    def shown(self, body: Body) -> Body:
        """Return an object as Stripe shows it."""
        shown = copy.deepcopy(body)
        if body["object"] == "dispute":
            moved = self.all("balance_transaction", source=body["id"])
            shown["balance_transactions"] = copy.deepcopy(moved)
        if body["object"] == "invoice":
            lines = shown["lines"]["data"]
            shown["lines"] |= {"data": lines[:LINES_SHOWN], "has_more": len(lines) > LINES_SHOWN}
        return shown

    def all(self, kind: str, **fields: Any) -> list[Body]:
        """Return the objects of a type with these values, newest first."""
        rows = [body for body in self.objects.values() if body["object"] == kind]
        return [row for row in reversed(rows) if all(row.get(name) == value for name, value in fields.items())]

    def answer(self, request: Request) -> Reply:
        """Answer a read as Stripe does, with the present."""
        _, _, plural, *rest = request.path.split("/")
        kind, query = _PLURALS[plural], {name: values[0] for name, values in request.query.items()}
        match rest:
            case []:
                return self._reply(_list(self._listed(kind, query)))
            case [key, "lines"]:
                return self._reply(_list(self.objects[key]["lines"]["data"]))
            case [key] if key in self.objects and key not in self.deleted:
                body = self.shown(self.objects[key])
                if kind == "charge":
                    body["refunds"] = _list([self.shown(row) for row in self.all("refund", charge=key)])
                return self._reply(body)
            case [key] if key in self.deleted and kind != _LEAVES_NOTHING:
                return self._reply({"id": key, "object": kind, "deleted": True})
        error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object"}
        return self._reply({"error": error}, status=404)

    def _listed(self, kind: str, query: dict[str, str]) -> list[Body]:
        if kind == "balance_transaction":
            rows = [copy.deepcopy(self.objects[key]) for key in self.held.get(query["payout"], ())]
            return [row | {"source": self.shown(self.objects[row["source"]])} for row in rows]
        return [self.shown(row) for row in self.all(kind, invoice=query["invoice"])]

    def _reply(self, body: Any, status: int = 200) -> Reply:
        return Reply(body, status, {"Date": formatdate(self.now, usegmt=True), "Request-Id": "req_1"})


def _list(rows: list[Body]) -> Body:
    return {"object": "list", "data": rows, "has_more": False, "url": "/v1/list"}


def payment(account: StripeAccount) -> None:
    """A payment that succeeded, with a refund and a dispute."""
    account.make("payment_intent", "pi_1", amount=10_000, currency="usd", amount_received=10_000, status="succeeded",
                 latest_charge="ch_1", metadata={"salesforce_record_id": OPPORTUNITY})  # fmt: skip
    _charge(account, "ch_1", "pi_1")
    _refund(account, "re_1", "ch_1", "pi_1")
    account.make("dispute", "du_1", amount=3_000, currency="usd", charge="ch_1", payment_intent="pi_1",
                 status="needs_response", evidence_details={"due_by": START + 900_000})  # fmt: skip


def charge_alone(account: StripeAccount) -> None:
    """A charge that was made without a payment intent, with a refund."""
    _charge(account, "ch_1", None)
    _refund(account, "re_1", "ch_1", None)


def billing(account: StripeAccount) -> None:
    """A customer's invoice of twelve lines, partly credited and paid by a payment intent."""
    account.make("customer", "cus_1", email="a@example.com", metadata={"salesforce_record_id": ACCOUNT})
    account.make("payment_intent", "pi_1", amount=500, amount_received=500, currency="usd", status="succeeded")
    _invoice(account, "open")
    account.make("invoice_payment", "inpay_1", invoice="in_1", currency="usd", amount_requested=500, status="open",
                 payment={"type": "payment_intent", "payment_intent": "pi_1"})  # fmt: skip
    account.make("credit_note", "cn_1", invoice="in_1", currency="usd", amount=300, status="issued")


def draft(account: StripeAccount) -> None:
    """A customer's invoice of twelve lines that is not final: it may still be deleted."""
    account.make("customer", "cus_1", email="a@example.com", metadata={"salesforce_record_id": ACCOUNT})
    _invoice(account, "draft")


def _invoice(account: StripeAccount, status: str) -> None:
    lines = [{"id": f"il_{n}", "object": "line_item", "amount": 100, "currency": "usd", "description": "first",
              "quantity": 1} for n in range(12)]  # fmt: skip
    account.make("invoice", "in_1", customer="cus_1", currency="usd", status=status, total=1_200, amount_due=1_200,
                 amount_paid_off_stripe=0, lines={"object": "list", "data": lines, "has_more": False})  # fmt: skip


def payout(account: StripeAccount) -> None:
    """An automatic payout of what one charge brought."""
    _charge(account, "ch_1", None)
    amount = account.objects["txn_1"]["net"]
    account.make("payout", "po_1", told=False, amount=amount, currency="usd", automatic=True, status="pending",
                 reconciliation_status="in_progress", trace_id={"status": "supported", "value": "1"})  # fmt: skip
    account.objects["po_1"]["balance_transaction"] = account.move("po_1", -amount)
    account.held["po_1"] = ["txn_1", account.objects["po_1"]["balance_transaction"]]
    account.tell("po_1", "created")


def _charge(account: StripeAccount, key: str, intent: str | None) -> None:
    account.make("charge", key, told=False, amount=10_000, amount_captured=10_000, amount_refunded=0, captured=True,
                 currency="usd", payment_intent=intent, status="succeeded", disputed=False)  # fmt: skip
    account.objects[key]["balance_transaction"] = account.move(key, 10_000, 320)
    account.tell(key, "created")


def _refund(account: StripeAccount, key: str, charge: str, intent: str | None) -> None:
    account.make("refund", key, told=False, amount=2_500, currency="usd", charge=charge, payment_intent=intent,
                 status="succeeded")  # fmt: skip
    account.objects[key]["balance_transaction"] = account.move(key, -2_500)
    account.tell(key, "created")
