"""Balance transactions and the balance: what payments and refunds do to the account's money, in US dollars.

A charge in another currency is converted; the fee is Stripe's US card fee on the settled amount; a refund gives no fee
back (docs.stripe.com/refunds). There is no event for a balance transaction.
"""

from collections.abc import Callable
from decimal import Decimal

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.ids import stem_of
from counterfoil_sandbox.stripe.params import PAGING, Params, Range, Text
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.world import World

SETTLEMENT = "usd"
_PENDING_S = 2 * DAY_S


def enter(
    world: World,
    source: Json,
    kind: str,
    amount: int,
    *,
    fee: Callable[[int], int] = lambda _: 0,
    category: str | None = None,
    at_once: bool = False,
) -> Json:
    """Record a movement of `amount` minor units of the source's currency; return its balance transaction.

    `fee` computes what Stripe keeps, in cents, from the settled amount; `category` is the reporting category, the type
    unless given.
    """
    sign = -1 if amount < 0 else 1
    foreign = source["currency"] != SETTLEMENT
    settled = sign * currencies.convert(abs(amount), source["currency"], SETTLEMENT) if foreign else amount
    charged = fee(settled)
    now = world.now()
    available = now if at_once else (now // DAY_S) * DAY_S + _PENDING_S
    row: Json = {
        "id": world.ids.on_stem("txn", stem_of(source["id"])),
        "object": "balance_transaction",
        "amount": settled,
        "available_on": available,
        "balance_type": "payments",
        "created": now,
        "currency": SETTLEMENT,
        "description": source.get("description"),
        "exchange_rate": _shown(currencies.rate(source["currency"], SETTLEMENT)) if foreign else None,
        "fee": charged,
        "fee_details": _fee_details(charged),
        "net": settled - charged,
        "reporting_category": category or kind,
        "source": source["id"],
        "status": "available" if at_once else "pending",
        "type": kind,
    }
    if not at_once:
        world.at(available, lambda: row.update(status="available"))
    return world.balance_transactions.save(row)


def _shown(rate: Decimal) -> float:
    """Return a rate as JSON shows it; no amount is ever computed from this number."""
    return float(rate)


def _fee_details(fee: int) -> list[Json]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": SETTLEMENT,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/balance_transactions/{id}."""
    return world.balance_transactions.get(call.ids["id"])


def index(world: World, call: Call) -> Json:
    """GET /v1/balance_transactions. With a `payout`: what that automatic payout holds, its own row included."""
    wanted = {name: call.params[name] for name in ("currency", "source", "type") if name in call}
    if "payout" not in call:
        return world.balance_transactions.page(call.params, "/v1/balance_transactions", **wanted)
    held = _held(world, call.params["payout"])
    return world.balance_transactions.page_where(
        call.params,
        "/v1/balance_transactions",
        lambda row: row["id"] in held and all(row.get(name) == value for name, value in wanted.items()),
    )


def _held(world: World, payout: str) -> frozenset[str]:
    """Return the transactions of an automatic payout, none before it is reconciled; any other is refused.

    Source: docs.stripe.com/api/balance_transactions/list, parameter payout: "for automatic Stripe payouts only".
    """
    row = world.payouts.get(payout, "payout", status=400)
    if not row["automatic"]:
        raise invalid("Balance transaction history can only be filtered on automatic transfers, not manual.", "payout")
    if row["reconciliation_status"] != "completed":
        return frozenset()
    return frozenset(world.hidden(payout)["entries"][world.settings.payout_list_lacks :])


def available(world: World, currency: str) -> int:
    """Return what can be paid out now, in minor units."""
    rows = world.balance_transactions.rows.values()
    return sum(row["net"] for row in rows if row["currency"] == currency and row["status"] == "available")


def balance(world: World, _call: Call) -> Json:
    """GET /v1/balance."""
    totals = {"available": 0, "pending": 0}
    for row in world.balance_transactions.rows.values():
        totals[row["status"]] += row["net"]
    shown = {
        name: [{"amount": total, "currency": SETTLEMENT, "source_types": {"card": total}}]
        for name, total in totals.items()
    }
    return {
        "object": "balance",
        "available": shown["available"],
        "livemode": False,
        "pending": shown["pending"],
        "refund_and_dispute_prefunding": {
            "available": [{"amount": 0, "currency": SETTLEMENT}],
            "pending": [{"amount": 0, "currency": SETTLEMENT}],
        },
    }


_LIST = Params({**PAGING, "created": Range(), "currency": Text(), "payout": Text(), "source": Text(), "type": Text()})
ENDPOINTS = [
    Endpoint("GET", "/v1/balance_transactions", index, "balance_transaction", _LIST, listing=True),
    Endpoint("GET", "/v1/balance_transactions/{id}", retrieve, "balance_transaction"),
    Endpoint("GET", "/v1/balance/history", index, "balance_transaction", _LIST, listing=True),
    Endpoint("GET", "/v1/balance/history/{id}", retrieve, "balance_transaction"),
    Endpoint("GET", "/v1/balance", balance, "balance"),
]
