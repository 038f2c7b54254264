"""Every kind of request at the gRPC doors of two replicas in the same instant, and by an event besides: done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import grpc
import pytest

from deploy.demo.outside import TOPIC_OBJECT
from service.commands import OPERATIONS
from service.gen.counterfoil.v1 import customers_service_pb2, invoices_service_pb2, payments_service_pb2
from service.gen.counterfoil.v1.customers_service_pb2_grpc import CustomersServiceStub
from service.gen.counterfoil.v1.invoices_service_pb2_grpc import InvoicesServiceStub
from service.gen.counterfoil.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, rows_of, wait_for

_SECONDS = 60
_STUBS: dict[str, tuple[Any, Any]] = {
    "Payments": (PaymentsServiceStub, payments_service_pb2),
    "Invoices": (InvoicesServiceStub, invoices_service_pb2),
    "Customers": (CustomersServiceStub, customers_service_pb2),
}


@dataclass(frozen=True)
class Kind:
    """A request: by which operation an event asks for it, by which method a caller does, and the call it comes down to.

    `before` is the kind whose outcome it is about; `words` are those of the message, `fields` those of the event.
    """

    operation: str
    door: str
    method: str
    call: str
    before: str | None = None
    words: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


def _payment(method: str, call: str, **words: Any) -> Kind:
    capture = {"Capture_Method__c": "manual"} if "capture_method" in words else {}
    fields = {"Method__c": method, **capture}
    return Kind("create_payment", "Payments", "CreatePayment", call, words={method: {}, **words}, fields=fields)


_MANUAL = payments_service_pb2.CaptureMethod.Value("CAPTURE_METHOD_MANUAL")
_DRAFT, _OPEN = (invoices_service_pb2.AdvanceTo.Value(f"ADVANCE_TO_{stage}") for stage in ("DRAFT", "OPEN"))
_INTENTS, _PAGES, _INVOICES = "/v1/payment_intents", "/v1/checkout/sessions", "/v1/invoices"


def _invoice(stage: str, number: int) -> Kind:
    words = {"advance_to": number, "amount_source": 1}
    fields = {"Advance_To__c": stage, "Amount_Source__c": "record"}
    return Kind("create_invoice", "Invoices", "CreateInvoice", _INVOICES, words=words, fields=fields)


def _changed(operation: str, method: str, call: str, before: str = "open") -> Kind:
    return Kind(operation, "Invoices", method, f"{_INVOICES}/*/{call}" if "/" not in call else call, before)


KINDS = {
    "page": _payment("hosted_checkout", _PAGES),
    "unconfirmed": _payment("unconfirmed", _INTENTS),
    "charged": _payment("off_session", _INTENTS),
    "link": _payment("payment_link", "/v1/payment_links"),
    "held": _payment("off_session", _INTENTS, capture_method=_MANUAL),
    "captured": Kind("capture_payment", "Payments", "CapturePayment", f"{_INTENTS}/*/capture", "held"),
    "released": Kind("cancel_payment", "Payments", "CancelPayment", f"{_INTENTS}/*/cancel", "held"),
    "refunded": Kind("refund_payment", "Payments", "RefundPayment", "/v1/refunds", "charged"),
    "draft": _invoice("draft", _DRAFT),
    "open": _invoice("open", _OPEN),
    "final": _changed("finalise_invoice", "FinaliseInvoice", "finalize", "draft"),
    "sent": _changed("send_invoice", "SendInvoice", "send"),
    "paid": _changed("pay_invoice", "PayInvoice", "pay"),
    "void": _changed("void_invoice", "VoidInvoice", "void"),
    "written off": _changed("mark_invoice_uncollectible", "MarkInvoiceUncollectible", "mark_uncollectible"),
    "credited": _changed("credit_invoice", "CreditInvoice", "/v1/credit_notes"),
    "synced": Kind("sync_customer", "Customers", "SyncCustomer", "/v1/customers"),
}


@pytest.fixture(scope="module")
def doors(world: World) -> Iterator[list[grpc.Channel]]:
    services = [world.stack.start_service(name="first"), world.stack.start_service(name="second", web_port=0)]
    with ExitStack() as stack:
        yield [stack.enter_context(grpc.insecure_channel(str(one.info["grpc"]))) for one in services]


def test_every_operation_is_among_them() -> None:
    assert {kind.operation for kind in KINDS.values()} == set(OPERATIONS)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", KINDS)
def test_it_is_done_once(world: World, doors: list[grpc.Channel], name: str) -> None:
    kind = KINDS[name]
    sale = world.sell("hosted_checkout" if kind.operation == "sync_customer" else "off_session")  # without a customer
    world.actions.clear()  # what came of each is looked at here
    subject = _asked(world, doors[:1], KINDS[kind.before], sale, None)[0] if kind.before else None
    drain(world)
    before = _calls(world, kind)
    answers = _asked(world, doors, kind, sale, subject, by_event=True)
    assert len(set(answers)) == 1, "both are told of the same object"
    drain(world)
    assert _calls(world, kind) - before == 1, world.left()
    shown = world.salesforce.get("Opportunity", sale.record_id)
    assert shown["Payment_Error__c"] is None
    query = f"SELECT state FROM commands WHERE operation = '{kind.operation}' AND record_id = '{sale.record_id}'"  # noqa: S608  (ours)
    states = {row["state"] for row in rows_of(world.database_url, query)}
    assert states <= {"SUCCEEDED"}
    audit(world)


def _asked(
    world: World,
    doors: list[grpc.Channel],
    kind: Kind,
    sale: Action,
    subject: str | None,
    *,
    by_event: bool = False,
) -> list[str]:
    """Ask at all doors in one instant; return the id that each was told."""
    stub, messages = _STUBS[kind.door]
    named = {"Payments": "payment_id", "Invoices": "invoice_id"}.get(kind.door, "record_id")
    record = sale.account_id if kind.door == "Customers" else sale.record_id
    about = {"record_id": record} if subject is None else {named: subject}
    request = getattr(messages, f"{kind.method}Request")(entity="acme", version="1", **about, **kind.words)
    instant = Barrier(len(doors) + by_event)

    def call(channel: grpc.Channel) -> str:
        instant.wait(_SECONDS)
        answer = getattr(stub(channel), kind.method)(request, timeout=_SECONDS)
        return _told(kind, answer)

    def publish() -> str:
        wish = {"Operation__c": kind.operation, "Record_Id__c": record, "Version__c": "1", **kind.fields}
        instant.wait(_SECONDS)
        return str(world.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"])

    with ThreadPoolExecutor(len(doors) + 1) as people:
        event = people.submit(publish) if by_event else None
        answers = list(people.map(call, doors))
        if event is not None:
            taken = f"SELECT 1 FROM inbox WHERE event_id = '{event.result()}'"  # noqa: S608  (ours)
            wait_for("the event", lambda: rows_of(world.database_url, taken))
    return answers


def _told(kind: Kind, answer: Any) -> str:
    match kind.door:
        case "Payments":
            return str(answer.payment.payment_id)
        case "Invoices":
            return str(answer.invoice.invoice_id)
        case _:
            return str(answer.customer.customer_id)


def _calls(world: World, kind: Kind) -> int:
    """Return how often Stripe did what this kind comes down to."""
    head, _, tail = kind.call.partition("*")
    log = world.control.get("/stripe/requests")["requests"]
    done = [row for row in log if row["method"] == "POST" and row["executed"] and not row["replayed"]]
    whole = [row["path"] for row in done]
    if not tail:
        return whole.count(kind.call)
    return sum(path.startswith(head) and path.endswith(tail) for path in whole)
