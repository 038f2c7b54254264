"""Every kind of request that can be made, with the calls of Stripe's that it takes, and why it takes them.

What is counted is what Stripe's stand-in was asked, on its own log, while the request was carried out alone. Facts that
are looked up afterwards (the fee of a charge, say) belong to what Stripe tells, and are not here.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.commands import CommandState
from tests.integration.commands.invoicing import InvoiceDesk

Prepare = Callable[[InvoiceDesk], Awaitable[str]]
_ID = re.compile(r"/(?:pi|cs|in|cus|ch|pm|price|plink)_[A-Za-z0-9_]+")
_LINE = ("CF-SUB", "2", {"UnitPrice": 60})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    Attributes:
        name: how it is told from the others.
        operation: what is asked for.
        prepare: makes what it is asked of; returns the record, or the object in Stripe.
        calls: every call it takes, in order.
        why: why none of them can be left out.
        arguments: what the request says besides.
    """

    name: str
    operation: str
    prepare: Prepare
    calls: tuple[str, ...]
    why: str
    arguments: tuple[tuple[str, str], ...] = ()

    async def made(self, desk: InvoiceDesk) -> list[str]:
        """Ask for it, carry it out, and return the calls that took, ids left out."""
        subject = await self.prepare(desk)
        before = len(desk.requests())
        command = await desk.ended(self.operation, subject, **dict(self.arguments))
        assert command.state is CommandState.SUCCEEDED, (self.name, command.reason, command.message)
        return [f"{one['method']} {_ID.sub('/{id}', one['path'])}" for one in desk.requests()[before:]]


async def _sale(desk: InvoiceDesk) -> str:
    return await desk.opportunity(Amount=120)


async def _of_nobody(desk: InvoiceDesk) -> str:
    account = str(desk.org.create("Account", Name="Fenwick")["id"])
    return await desk.opportunity(account=account, Amount=120)


async def _without_default(desk: InvoiceDesk) -> str:
    customer = await desk.make("customer", name="Fenwick")
    desk.dashboard.v1.payment_methods.attach(desk.card, {"customer": customer})
    account = desk.org.create("Account", Name="Fenwick", Stripe_Customer_Id__c=customer)
    return await desk.opportunity(account=str(account["id"]), Amount=120)


async def _held(desk: InvoiceDesk) -> str:
    record = await _sale(desk)
    await desk.done("create_payment", record, method="off_session", capture_method="manual")
    return record


async def _page(desk: InvoiceDesk) -> str:
    record = await _sale(desk)
    await desk.done("create_payment", record, method="hosted_checkout")
    return record


async def _link(desk: InvoiceDesk) -> str:
    return await desk.done("create_payment", await _sale(desk), method="payment_link")


async def _paid(desk: InvoiceDesk) -> str:
    record = await _sale(desk)
    await desk.done("create_payment", record, method="off_session")
    return record


async def _account(desk: InvoiceDesk) -> str:
    return str(desk.org.create("Account", Name="Fenwick")["id"])


async def _renamed(desk: InvoiceDesk) -> str:
    account = await _synced(desk)
    desk.org.change("Account", account, Name="Fenwick & Daughters")
    return account


async def _synced(desk: InvoiceDesk) -> str:
    account = await _account(desk)
    await desk.done("sync_customer", account, "0")
    return account


async def _lines(desk: InvoiceDesk) -> str:
    return await desk.opportunity(_LINE)


def _invoice(stage: str) -> Prepare:
    async def prepare(desk: InvoiceDesk) -> str:
        return await desk.done("create_invoice", await _lines(desk), advance_to=stage)

    return prepare


CUSTOMER, PAGE, INTENT = "POST /v1/customers", "POST /v1/checkout/sessions", "POST /v1/payment_intents"
READ_CUSTOMER, READ_INTENT, READ_INVOICE = (
    f"GET /v1/{name}/{{id}}" for name in ("customers", "payment_intents", "invoices")
)
LINK = "POST /v1/payment_links"
SAVED = "GET /v1/payment_methods"
DRAFT = ("POST /v1/invoices", "POST /v1/invoices/{id}/add_lines")
FINALISE, SEND, PAY = (f"POST /v1/invoices/{{id}}/{verb}" for verb in ("finalize", "send", "pay"))
_LOOK = "it is looked at as it is now, then changed"
OFF_SESSION = (("method", "off_session"),)
KINDS = (
    Kind(
        "hosted_checkout, new customer",
        "create_payment",
        _of_nobody,
        (CUSTOMER, PAGE),
        "each is an object to be made",
        (("method", "hosted_checkout"),),
    ),
    Kind("hosted_checkout", "create_payment", _sale, (PAGE,), "one object, one call", (("method", "hosted_checkout"),)),
    Kind("payment_link", "create_payment", _sale, (LINK,), "one object, one call", (("method", "payment_link"),)),
    Kind("unconfirmed", "create_payment", _sale, (INTENT,), "one object, one call", (("method", "unconfirmed"),)),
    Kind(
        "off_session",
        "create_payment",
        _sale,
        (SAVED, INTENT),
        "the customer's default payment method is asked for; with one named in the request it is one call",
        OFF_SESSION,
    ),
    Kind(
        "off_session, no default",
        "create_payment",
        _without_default,
        (SAVED, INTENT),
        "the same call tells of the only saved payment method",
        OFF_SESSION,
    ),
    Kind("capture_payment", "capture_payment", _held, (READ_INTENT, f"{INTENT}/{{id}}/capture"), _LOOK),
    Kind(
        "cancel_payment",
        "cancel_payment",
        _held,
        (READ_INTENT, "GET /v1/invoice_payments", f"{INTENT}/{{id}}/cancel"),
        "whether an invoice wants the payment is told by a list of its own",
    ),
    Kind(
        "cancel_payment, of a page",
        "cancel_payment",
        _page,
        ("GET /v1/checkout/sessions/{id}", f"{PAGE}/{{id}}/expire"),
        _LOOK,
    ),
    Kind(
        "cancel_payment, of a link",
        "cancel_payment",
        _link,
        (f"GET {LINK[5:]}/{{id}}", f"{LINK}/{{id}}", f"GET {PAGE[5:]}"),
        "the pages that customers opened by it are ended as well, and are told by a list of their own",
    ),
    Kind("refund_payment", "refund_payment", _paid, (READ_INTENT, "POST /v1/refunds"), _LOOK),
    Kind("sync_customer, new", "sync_customer", _account, (CUSTOMER,), "one object, one call"),
    Kind("sync_customer, changed", "sync_customer", _renamed, (READ_CUSTOMER, f"{CUSTOMER}/{{id}}"), _LOOK),
    Kind("sync_customer, the same", "sync_customer", _synced, (READ_CUSTOMER,), "nothing differs, nothing is sent"),
    Kind(
        "create_invoice, draft",
        "create_invoice",
        _lines,
        DRAFT,
        "Stripe takes no lines with the invoice; all of them come in one call",
        (("advance_to", "draft"),),
    ),
    Kind(
        "create_invoice, sent",
        "create_invoice",
        _lines,
        (*DRAFT, FINALISE, SEND),
        "one call for each step; the draft is compared with the record as the answer shows it",
    ),
    Kind(
        "create_invoice, paid",
        "create_invoice",
        _lines,
        (*DRAFT, FINALISE, SAVED, PAY),
        "one call for each step, and the customer's default payment method is asked for",
        (("collection_method", "charge_automatically"),),
    ),
    Kind("finalise_invoice", "finalise_invoice", _invoice("draft"), (READ_INVOICE, FINALISE), _LOOK),
    Kind("send_invoice", "send_invoice", _invoice("open"), (READ_INVOICE, SEND), _LOOK),
    Kind(
        "pay_invoice",
        "pay_invoice",
        _invoice("open"),
        (READ_INVOICE, SAVED, PAY),
        "the customer's default payment method is asked for, unless the invoice or the request names one",
    ),
    Kind(
        "pay_invoice, outside Stripe",
        "pay_invoice",
        _invoice("open"),
        (READ_INVOICE, PAY),
        _LOOK,
        (("method", "out_of_band"),),
    ),
    Kind("void_invoice", "void_invoice", _invoice("open"), (READ_INVOICE, "POST /v1/invoices/{id}/void"), _LOOK),
    Kind(
        "mark_invoice_uncollectible",
        "mark_invoice_uncollectible",
        _invoice("open"),
        (READ_INVOICE, "POST /v1/invoices/{id}/mark_uncollectible"),
        _LOOK,
    ),
    Kind("credit_invoice", "credit_invoice", _invoice("open"), (READ_INVOICE, "POST /v1/credit_notes"), _LOOK),
)
