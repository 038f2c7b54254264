"""Payouts: of all that is available, as on a schedule, or by hand; what a bank may do to them later; their traces.

Sources: docs.stripe.com/payouts, docs.stripe.com/payouts/reconciliation, docs.stripe.com/payouts/instant-payouts,
docs.stripe.com/payouts/trace-id. Which transactions an automatic payout holds is known once it is reconciled; of a
manual or instant one Stripe cannot say it. A trace id appears without an event.
"""

from counterfoil_sandbox.stripe.errors import Json, refused
from counterfoil_sandbox.stripe.params import PAGING, Choice, Integer, Metadata, Params, Range, Text, merged
from counterfoil_sandbox.stripe.resources import balance
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.store import within
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_INSTANT_FEE_DIVISOR = 100  # one per cent
_MESSAGES = {
    "account_closed": "The bank account has been closed.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "Debit transactions are not approved on the bank account.",
    "no_account": "The bank account details on file are probably incorrect. No bank account could be located.",
}


def run(world: World, currency: str) -> Json:
    """Pay out all that is available and in no automatic payout yet, as Stripe does on the account's schedule.

    A negative balance is collected from the bank: a payout of a negative amount.
    """
    entries = [
        row["id"]
        for row in world.balance_transactions.rows.values()
        if row["currency"] == currency and row["status"] == "available" and row["id"] not in world.paid_out
    ]
    amount = sum(world.balance_transactions.rows[name]["net"] for name in entries)
    if amount == 0:
        raise ValueError(f"nothing is available in {currency}")
    row = _make(world, amount, currency, automatic=True)
    _include(world, row, [*entries, row["balance_transaction"]])
    world.later(world.settings.payout_reconciliation_delay_ms, lambda: _reconcile(world, row))
    return row


def _include(world: World, row: Json, entries: list[str]) -> None:
    world.hidden(row["id"])["entries"] = entries
    world.paid_out.update(entries)


def _make(
    world: World, amount: int, currency: str, *, automatic: bool, method: str = "standard", **more: object
) -> Json:
    row: Json = {
        "id": world.ids.new("po", "1"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": (world.now() // DAY_S) * DAY_S + (0 if method == "instant" else 2 * DAY_S),
        "automatic": automatic,
        "balance_transaction": None,
        "created": world.now(),
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "destination": world.bank_account,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": method,
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "card" if method == "instant" else "bank_account",
        **more,
    }
    fee = (lambda _: max(50, amount // _INSTANT_FEE_DIVISOR)) if method == "instant" else (lambda _: 0)
    entry = balance.enter(world, row, "payout", -amount, fee=fee, at_once=True)
    row["balance_transaction"] = entry["id"]
    world.payouts.save(row)
    world.emit("payout.created", row)
    world.later(world.settings.payout_arrival_delay_ms, lambda: _arrive(world, row))
    world.later(world.settings.payout_trace_delay_ms, lambda: _trace(row))
    return row


def _change(world: World, row: Json, kind: str | None = None, **values: object) -> None:
    """Change a payout: payout.updated always tells of it, and `kind` before it."""
    before = snapshot(row)
    row |= values
    if kind is not None:
        world.emit(kind, row)
    world.emit("payout.updated", row, changed(row, before))


def _arrive(world: World, row: Json) -> None:
    if row["status"] == "pending":
        _change(world, row, status="in_transit")
        _change(world, row, "payout.paid", status="paid")


def _trace(row: Json) -> None:
    row["trace_id"] = {"status": "supported", "value": f"{row['created']:016d}"}


def _reconcile(world: World, row: Json) -> None:
    _change(world, row, "payout.reconciliation_completed", reconciliation_status="completed")


def fail(world: World, identifier: str, code: str) -> Json:
    """Let the bank return a payout, also one that was paid: its money is back in the balance."""
    row = world.payouts.get(identifier)
    if row["status"] not in ("pending", "in_transit", "paid"):
        raise ValueError(f"{identifier} is {row['status']}")
    entry = balance.enter(world, row, "payout_failure", row["amount"], category="payout_reversal", at_once=True)
    message = _MESSAGES.get(code, "The bank returned this payout.")
    _change(
        world,
        row,
        "payout.failed",
        status="failed",
        failure_balance_transaction=entry["id"],
        failure_code=code,
        failure_message=message,
    )
    return row


def create(world: World, call: Call) -> Json:
    """POST /v1/payouts: by hand, from what is available."""
    currency, amount = call.params["currency"].lower(), call.params["amount"]
    method = call.get("method", "standard")
    fee = max(50, amount // _INSTANT_FEE_DIVISOR) if method == "instant" else 0
    if amount + fee > balance.available(world, currency):
        raise refused(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You "
            "can use the /v1/balance endpoint to view your Stripe balance.",
            "balance_insufficient",
        )
    row = _make(
        world,
        amount,
        currency,
        automatic=False,
        method=method,
        description=call.get("description"),
        metadata=merged({}, call.get("metadata", {})),
        statement_descriptor=call.get("statement_descriptor"),
    )
    return snapshot(row)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/payouts/{payout}."""
    return world.payouts.get(call.ids["payout"])


def update(world: World, call: Call) -> Json:
    """POST /v1/payouts/{payout}: its metadata only."""
    row = retrieve(world, call)
    metadata = merged(row["metadata"], call.params["metadata"]) if "metadata" in call else row["metadata"]
    if metadata != row["metadata"]:
        _change(world, row, metadata=metadata)
    return row


def cancel(world: World, call: Call) -> Json:
    """POST /v1/payouts/{payout}/cancel: a manual one that has not been sent yet."""
    row = retrieve(world, call)
    if row["status"] != "pending" or row["automatic"]:
        raise refused("Payouts can only be canceled when they are pending and were created through the API.")
    entry = balance.enter(world, row, "payout_cancel", row["amount"], category="payout_reversal", at_once=True)
    _change(world, row, "payout.canceled", status="canceled", failure_balance_transaction=entry["id"])
    return row


def reverse(world: World, call: Call) -> Json:
    """POST /v1/payouts/{payout}/reverse: collect a paid one back from the bank, by a payout of the opposite amount."""
    original = retrieve(world, call)
    if original["status"] != "paid" or original["reversed_by"] or original["original_payout"]:
        raise refused("Only a paid payout that has not been reversed can be reversed.")
    row = _make(
        world,
        -original["amount"],
        original["currency"],
        automatic=False,
        metadata=merged({}, call.get("metadata", {})),
        original_payout=original["id"],
    )
    _change(world, original, reversed_by=row["id"])
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/payouts."""
    wanted = {"status": call.params["status"]} if "status" in call else {}
    arrival = call.get("arrival_date", {})

    def keep(row: Json) -> bool:
        return within(row["arrival_date"], arrival) and all(row[name] == value for name, value in wanted.items())

    return world.payouts.page_where(call.params, "/v1/payouts", keep, wanted)


def adjust(world: World, kind: str, amount: int, category: str, description: str) -> Json:
    """Enter a movement of Stripe's own: a fee of a product, a correction. It has no source object and no event."""
    if kind not in ("stripe_fee", "adjustment", "reserve_transaction", "payout_minimum_balance_hold"):
        raise ValueError(f"{kind} is no movement of Stripe's own that is imitated")
    source: Json = {"id": world.ids.new("txn", "1"), "currency": balance.SETTLEMENT, "description": description}
    row = balance.enter(world, source, kind, amount, category=category, at_once=True)
    row["source"] = None
    return world.balance_transactions.save(row)


def settle(world: World) -> None:
    """End the settlement period of everything that is pending now: time passes, and there is no event for it."""
    for row in world.balance_transactions.rows.values():
        if row["status"] == "pending":
            row |= {"status": "available", "available_on": world.now()}


def check(value: object, name: str) -> str:
    """Return a text of a control request, or raise ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


_CREATE = Params(
    {
        "amount": Integer(1),
        "currency": Text(3),
        "description": Text(),
        "metadata": Metadata(),
        "method": Choice(("standard", "instant")),
        "statement_descriptor": Text(22),
    },
    required=("amount", "currency"),
    elsewhere=frozenset(("destination", "payout_method", "source_type")),
)
_LIST = Params(
    {
        **PAGING,
        "arrival_date": Range(),
        "created": Range(),
        "status": Choice(("pending", "in_transit", "paid", "failed", "canceled")),
    },
    elsewhere=frozenset(("destination",)),
)
_ONE = "/v1/payouts/{payout}"
_METADATA = Params({"metadata": Metadata()})
ENDPOINTS = [
    Endpoint("POST", "/v1/payouts", create, "payout", _CREATE),
    Endpoint("GET", "/v1/payouts", index, "payout", _LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, "payout"),
    Endpoint("POST", _ONE, update, "payout", _METADATA),
    Endpoint("POST", f"{_ONE}/cancel", cancel, "payout"),
    Endpoint("POST", f"{_ONE}/reverse", reverse, "payout", _METADATA),
]
