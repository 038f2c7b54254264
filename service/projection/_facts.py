"""The facts of one payment, from everything known of it; what is not known yet is None."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from service.domain import moment
from service.mirror import MirrorRow
from service.projection._families import LINK, PAGE, TAKEN, Family
from service.projection._money import Money, movements_of, payment_money, payment_status
from service.projection._status import Body, PaymentStatus, link_status, request_status
from service.projection._values import minor, rate


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment, as every reader sees it.

    Amounts are integers in minor units of the currency named beside them (upper case); times are UTC. The settlement
    amount, `fee` and `net` are sums over everything the payment moved on Stripe's balance, refunds and disputes
    included, in the settlement currency; known once the charge's balance transaction is, and None when Stripe settled
    in several currencies. `exchange_rate` is Stripe's rate from the payment's to the settlement currency, None when
    they are the same. `amount_lost_minor` is what lost disputes took back.
    """

    payment_id: str
    entity: str
    command_id: str | None
    payment_intent_id: str | None
    record_id: str | None
    customer_id: str | None
    status: PaymentStatus
    stripe_status: str | None
    method: str | None
    version: str | None
    amount_minor: int | None
    amount_received_minor: int
    amount_refunded_minor: int
    currency: str | None
    settlement_amount_minor: int | None
    fee_minor: int | None
    net_minor: int | None
    settlement_currency: str | None
    exchange_rate: Decimal | None
    created_at: datetime | None
    paid_at: datetime | None
    failure_code: str | None
    failure_message: str | None
    checkout_url: str | None
    charge_id: str | None
    balance_transaction_id: str | None
    livemode: bool | None
    reason: str | None
    message: str | None
    conflict: str | None
    request_id: str | None
    request_state: str | None
    amount_lost_minor: int = 0


def _upper(value: Any) -> str | None:
    return value.upper() if isinstance(value, str) else None


def latest_charge(family: Family) -> MirrorRow | None:
    """Return the charge the intent names as its latest, else the newest known one."""
    intent = family.intent()
    named = family.find("charge", (intent.body or {}).get("latest_charge")) if intent else None
    return named or family.latest("charge")


def _body(row: MirrorRow | None) -> Body:
    return (row.body if row else None) or {}


def _failure(intent: Body, charge: Body) -> tuple[str | None, str | None]:
    if intent.get("status") in {"succeeded", "processing", "requires_capture"}:
        return None, None
    error = intent.get("last_payment_error") or {}
    code = error.get("decline_code") or error.get("code") or charge.get("failure_code")
    return code, error.get("message") or charge.get("failure_message")


_NO_MONEY = Money(captured=0, refunded=0, lost=0, is_open=False, is_lost=False)


def _status(intent: Body, page: Body, link: Body, request: Body, money: Money) -> PaymentStatus:
    """Return where a payment stands; a link that can still be paid by waits on, whatever became of earlier attempts."""
    waits = link_status(link) if link else None
    if intent and not (intent.get("status") == "canceled" and waits is PaymentStatus.REQUESTED):
        return payment_status(intent, money)
    return waits or request_status(request, page or None)


def _address(intent: Body, page: Body, link: Body) -> str | None:
    """Return where the customer can pay, while that is so."""
    if not link:
        return page.get("url") if page.get("status") == "open" else None
    is_open = link_status(link) is PaymentStatus.REQUESTED and intent.get("status") not in TAKEN
    return link.get("url") if is_open else None


class _Settled(NamedTuple):
    """Minor units of the settlement currency."""

    amount: int | None = None
    fee: int | None = None
    net: int | None = None
    currency: str | None = None


def _settled(family: Family, transaction: Body) -> _Settled:
    """Sum what the payment moved on the balance, once the charge's own balance transaction is known."""
    sources = [row for kind in ("charge", "refund", "dispute") for row in family.all(kind)]
    moved = [row.body or {} for source in sources for row in movements_of(family, source)]
    if not transaction or len({body.get("currency") for body in moved}) != 1:
        return _Settled()
    amount, fee, net = (sum(minor(body.get(name)) for body in moved) for name in ("amount", "fee", "net"))
    return _Settled(amount, fee, net, _upper(transaction.get("currency")))


def payment_facts(family: Family) -> PaymentFacts:
    """Derive a payment's facts. Pure: the same family always gives the same facts."""
    request_row = family.latest("counterfoil.request")
    intent_row, charge_row = family.intent(), latest_charge(family)
    request, session, link = _body(request_row), _body(family.latest(PAGE)), _body(family.latest(LINK))
    intent, charge = _body(intent_row), _body(charge_row)
    transaction_row = family.find("balance_transaction", charge.get("balance_transaction"))
    transaction = _body(transaction_row)
    money = payment_money(family, intent_row) if intent_row else _NO_MONEY
    settled = _settled(family, transaction)
    code, message = _failure(intent, charge)
    return PaymentFacts(
        payment_id=family.root.object_id,
        entity=family.root.entity,
        command_id=request_row.object_id if request_row else None,
        payment_intent_id=intent_row.object_id if intent_row else None,
        record_id=family.root.record_id or (intent_row.record_id if intent_row else None) or family.root.routed_id,
        customer_id=intent.get("customer") or session.get("customer") or request.get("customer"),
        status=_status(intent, session, link, request, money),
        stripe_status=intent.get("status") or (None if link else session.get("status")),
        method=request.get("method"),
        version=request.get("version"),
        amount_minor=intent.get("amount", session.get("amount_total", request.get("amount_minor"))),
        amount_received_minor=money.captured,
        amount_refunded_minor=money.refunded,
        currency=_upper(intent.get("currency") or session.get("currency") or request.get("currency")),
        settlement_amount_minor=settled.amount,
        fee_minor=settled.fee,
        net_minor=settled.net,
        settlement_currency=settled.currency,
        exchange_rate=rate(transaction.get("exchange_rate")),
        created_at=family.root.created_at,
        paid_at=moment(charge.get("created")) if intent.get("status") == "succeeded" else None,
        failure_code=code or (None if intent else request.get("failure_code")),
        failure_message=message or (None if intent else request.get("failure_message")),
        checkout_url=_address(intent, session, link),
        charge_id=charge_row.object_id if charge_row else None,
        balance_transaction_id=transaction_row.object_id if transaction_row else None,
        livemode=intent.get("livemode", session.get("livemode", link.get("livemode"))),
        reason=request.get("reason"),
        message=request.get("message"),
        conflict=request.get("conflict"),
        request_id=request.get("request_id"),
        request_state=request.get("state"),
        amount_lost_minor=money.lost,
    )
