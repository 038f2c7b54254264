"""Disputes: opened by test cards made for it or by the control plane, answered, won, lost, or moved as a bank likes.

Sources: docs.stripe.com/disputes/how-disputes-work and docs.stripe.com/testing#disputes. An inquiry moves no money. A
chargeback takes the amount and a fee at once; a win gives back the amount and keeps the fee.
"""

from counterfoil_sandbox.stripe.errors import Json, refused
from counterfoil_sandbox.stripe.params import PAGING, Boolean, Hash, Metadata, Params, Range, Text, merged
from counterfoil_sandbox.stripe.resources import balance
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.world import World, changed, snapshot

FEE = 1500
_ANSWER_S = 9 * DAY_S
_TEXTS = (
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
    "uncategorized_text",
)  # fmt: skip
_FILES = (
    "cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation", "receipt",
    "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file",
)  # fmt: skip
_ANSWERABLE = ("needs_response", "warning_needs_response")
_OPEN = (*_ANSWERABLE, "under_review", "warning_under_review")
_CLOSED = ("won", "lost", "warning_closed")
_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "general": "10.4"}


def begin(world: World, charge: Json, kind: str) -> None:
    """Dispute a charge that has just succeeded; `kind` is a reason, "inquiry", or "multiple" for one for each half."""
    if kind != "multiple":
        open_one(world, charge, kind)
        return
    half = charge["amount"] // 2
    open_one(world, charge, "fraudulent", amount=half)
    open_one(world, charge, "product_not_received", amount=charge["amount"] - half)


def open_one(world: World, charge: Json, kind: str, *, amount: int | None = None, due_by: int | None = None) -> Json:
    """Open a dispute of a charge, or of `amount` of it; `due_by` 0 is how Stripe says that no answer is possible."""
    inquiry = kind == "inquiry"
    reason = "general" if inquiry else kind
    brand = charge["payment_method_details"]["card"]["brand"]
    case = {"brand": brand, "case_type": "inquiry" if inquiry else "chargeback", "network": brand}
    row: Json = {
        "id": world.ids.new("du", "1"),
        "object": "dispute",
        "amount": charge["amount"] if amount is None else amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys((*_TEXTS, *_FILES)) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": world.now() + _ANSWER_S if due_by is None else due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "intended_submission_method": None,
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": case | {"network_reason_code": _CODES.get(reason, "10.4")}, "type": "card"},
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    charge["disputed"] = True
    world.disputes.save(row)
    if not inquiry:
        _move(world, row, -row["amount"], "dispute", FEE)
    world.emit("charge.dispute.created", row)
    if not inquiry:
        world.emit("charge.dispute.funds_withdrawn", row)
    return row


def move(world: World, identifier: str, status: str, funds: str | None = None) -> Json:
    """Do as a bank does, at any time: take a dispute to any status, and withdraw or reinstate its money."""
    row: Json = world.disputes.get(identifier, "dispute")
    if funds not in (None, "withdrawn", "reinstated"):
        raise ValueError("funds are withdrawn or reinstated")
    if funds == "withdrawn":
        _move(world, row, -row["amount"], "dispute", FEE)
    elif funds == "reinstated":
        _move(world, row, row["amount"], "dispute_reversal", 0)
    _change(world, row, "charge.dispute.closed" if status in _CLOSED else "charge.dispute.updated", status=status)
    if funds:
        world.emit(f"charge.dispute.funds_{funds}", row)
    return row


def _move(world: World, row: Json, amount: int, category: str, fee: int) -> None:
    entry = balance.enter(world, row, "adjustment", amount, fee=lambda _: fee, category=category)
    row["balance_transactions"] = [*row["balance_transactions"], snapshot(entry)]


def _change(world: World, row: Json, kind: str, **values: object) -> None:
    before = snapshot(row)
    row |= values
    world.emit(kind, row, changed(row, before) if kind.endswith("updated") else None)


def _decide(world: World, row: Json) -> None:
    """Settle a dispute under review by the words that Stripe's test mode listens to."""
    if row["status"] not in ("under_review", "warning_under_review"):
        return
    inquiry = row["status"].startswith("warning")
    word = row["evidence"]["uncategorized_text"]
    if word == "escalate_inquiry_evidence" and inquiry:
        row["payment_method_details"]["card"]["case_type"] = "chargeback"
        _move(world, row, -row["amount"], "dispute", FEE)
        _change(world, row, "charge.dispute.updated", status="needs_response", is_charge_refundable=False)
        world.emit("charge.dispute.funds_withdrawn", row)
    elif word in ("winning_evidence", "losing_evidence"):
        won = word == "winning_evidence"
        if won and not inquiry:
            _move(world, row, row["amount"], "dispute_reversal", 0)
        _change(world, row, "charge.dispute.closed", status="warning_closed" if inquiry else "won" if won else "lost")
        if won and not inquiry:
            world.emit("charge.dispute.funds_reinstated", row)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/disputes/{dispute}."""
    return world.disputes.get(call.ids["dispute"], "dispute")


def update(world: World, call: Call) -> Json:
    """POST /v1/disputes/{dispute}: stage or submit evidence. Without submit=false it is submitted."""
    row = retrieve(world, call)
    evidence = call.get("evidence")
    if evidence and row["status"] not in _ANSWERABLE:
        raise refused(f"This dispute has a status of {row['status']} and takes no more evidence.")
    values: Json = {}
    if "metadata" in call:
        values["metadata"] = merged(row["metadata"], call.params["metadata"])
    if evidence:
        values["evidence"] = row["evidence"] | evidence
        values["evidence_details"] = row["evidence_details"] | {"has_evidence": True}
    if (evidence or call.get("submit")) and call.get("submit", True):
        details = row["evidence_details"] | values.get("evidence_details", {})
        values["evidence_details"] = details | {"submission_count": 1}
        values["status"] = "warning_under_review" if row["status"].startswith("warning") else "under_review"
        world.later(world.settings.dispute_decision_delay_ms, lambda: _decide(world, row))
    if values:
        _change(world, row, "charge.dispute.updated", **values)
    return row


def close(world: World, call: Call) -> Json:
    """POST /v1/disputes/{dispute}/close: give in, which cannot be undone."""
    row = retrieve(world, call)
    if row["status"] not in _OPEN:
        raise refused("This dispute is already closed")
    _change(world, row, "charge.dispute.closed", status="lost")
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/disputes."""
    wanted = {name: call.params[name] for name in ("charge", "payment_intent") if name in call}
    return world.disputes.page(call.params, "/v1/disputes", **wanted)


_ONE = "/v1/disputes/{dispute}"
_UPDATE = Params(
    {
        "evidence": Hash(
            {name: Text(20_000, unset=True) for name in _TEXTS}, elsewhere=frozenset((*_FILES, "enhanced_evidence"))
        ),
        "metadata": Metadata(),
        "submit": Boolean(),
    },
    elsewhere=frozenset(("intended_submission_method",)),
)
_LIST = Params({**PAGING, "charge": Text(), "created": Range(), "payment_intent": Text()})
ENDPOINTS = [
    Endpoint("GET", "/v1/disputes", index, "dispute", _LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, "dispute"),
    Endpoint("POST", _ONE, update, "dispute", _UPDATE),
    Endpoint("POST", f"{_ONE}/close", close, "dispute"),
]
