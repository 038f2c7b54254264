"""A model of one payment at Stripe with its refunds and disputes: what it is now, and every event told on the way.

It is the truth a test compares with. Amounts are cents; times are whole seconds, in which several things may happen.
Sources: docs.stripe.com/refunds, docs.stripe.com/disputes/how-disputes-work.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

START = 1_790_000_000
RECORD = "006000000000001AAA"
AMOUNT, FEE, DISPUTE_FEE = 10_000, 320, 1_500
UNDONE = ("failed", "canceled")
DECIDED = ("won", "lost", "warning_closed", "prevented")
Body = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """An event: an object as it was, and Stripe's whole second."""

    body: Body
    created: int


@dataclass
class History:
    """The account's objects by id as they are now, and the events so far, oldest first."""

    now: int = START
    objects: dict[str, Body] = field(default_factory=dict)
    events: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        money = {"currency": "usd", "created": START}
        metadata = {"salesforce_record_id": RECORD}
        self.intent = self._new(
            "pi_1", "payment_intent", **money, amount=AMOUNT, amount_received=0, status="processing", metadata=metadata
        )
        self.charge = self._new(
            "ch_1", "charge", **money, payment_intent="pi_1", status="succeeded", amount=AMOUNT, captured=True,
            amount_captured=AMOUNT, amount_refunded=0, refunded=False, disputed=False, balance_transaction=None,
        )  # fmt: skip
        self.intent["latest_charge"] = "ch_1"
        self.tell(self.intent)
        self.tell(self.charge)

    def all(self, kind: str) -> list[Body]:
        """Return the objects of a type as they are now, oldest first."""
        return [body for body in self.objects.values() if body["object"] == kind]

    def tell(self, body: Body) -> None:
        """Make an event of an object as it is now."""
        self.events.append(Told(self.shown(body), self.now))

    def shown(self, body: Body, *, expanded: bool = False) -> Body:
        """Return an object as Stripe shows it: a dispute with whole balance transactions, a charge with its refunds."""
        shown = copy.deepcopy(body)
        if body["object"] == "dispute":
            shown["balance_transactions"] = [dict(one) for one in self.all("balance_transaction")
                                             if one["source"] == body["id"]]  # fmt: skip
        if expanded and body["object"] == "charge":
            shown["refunds"] = {"object": "list", "data": [dict(one) for one in self.all("refund")]}
        return shown

    def succeed(self) -> None:
        """Let the payment succeed, and its balance transaction be made."""
        self.intent |= {"status": "succeeded", "amount_received": AMOUNT}
        self.tell(self.intent)
        self.charge["balance_transaction"] = self._move("ch_1", "charge", AMOUNT, FEE)
        self.tell(self.charge)

    def refund(self, amount: int, status: str) -> None:
        """Make a refund, if so much is left."""
        if amount > AMOUNT - self.charge["amount_refunded"]:
            return
        row = self._new(
            f"re_{len(self.objects)}", "refund", charge="ch_1", payment_intent="pi_1", amount=amount, currency="usd",
            created=self.now, status=status, balance_transaction=None,
        )  # fmt: skip
        if status == "succeeded":
            row["balance_transaction"] = self._move(row["id"], "refund", -amount, 0)
        self.charge["amount_refunded"] += amount
        self.charge["refunded"] = self.charge["amount_refunded"] == AMOUNT
        self.tell(row)
        self.tell(self.charge)

    def end_refund(self, number: int, status: str) -> None:
        """Change a refund that has not been undone; the charge changes with it, and no event tells that."""
        living = [row for row in self.all("refund") if row["status"] not in UNDONE]
        if not living:
            return
        row = living[number % len(living)]
        if status == "succeeded" and row["balance_transaction"] is None:
            row["balance_transaction"] = self._move(row["id"], "refund", -row["amount"], 0)
        if status in UNDONE:
            if row["balance_transaction"]:
                row["failure_balance_transaction"] = self._move(row["id"], "refund_failure", row["amount"], 0)
            self.charge["amount_refunded"] -= row["amount"]
            self.charge["refunded"] = False
        row["status"] = status
        self.tell(row)

    def dispute(self, amount: int, *, inquiry: bool) -> None:
        """Open a dispute: an inquiry moves no money."""
        row = self._new(
            f"du_{len(self.objects)}", "dispute", charge="ch_1", payment_intent="pi_1", amount=amount, currency="usd",
            created=self.now, status="warning_needs_response" if inquiry else "needs_response",
            evidence_details={"due_by": 0 if inquiry else START + 900_000}, reason="fraudulent",
        )  # fmt: skip
        self.charge["disputed"] = True
        if not inquiry:
            self._move(row["id"], "adjustment", -amount, DISPUTE_FEE)
        self.tell(row)

    def move_dispute(self, number: int, status: str, funds: int) -> None:
        """Take a dispute to any status; `funds` -1 withdraws its amount, 1 reinstates it."""
        rows = self.all("dispute")
        if not rows:
            return
        row = rows[number % len(rows)]
        row["status"] = status
        if funds:
            self._move(row["id"], "adjustment", funds * row["amount"], DISPUTE_FEE if funds < 0 else 0)
        self.tell(row)

    def _new(self, key: str, kind: str, **fields: Any) -> Body:
        self.objects[key] = {"id": key, "object": kind, **fields}
        return self.objects[key]

    def _move(self, source: str, kind: str, amount: int, fee: int) -> str:
        key = f"txn_{len(self.objects)}"
        self._new(
            key, "balance_transaction", source=source, type=kind, amount=amount, fee=fee, net=amount - fee,
            currency="usd", created=self.now, status="pending",
        )  # fmt: skip
        return key
