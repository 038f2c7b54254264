"""finalise_invoice, send_invoice, void_invoice, mark_invoice_uncollectible: what happens to an invoice in one call.

An invoice that is already as it was wished is left alone, whoever did it; only sending may be asked for again, with a
new version. Source: docs.stripe.com/invoicing/overview, "Invoice status transitions".
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from service.commands._ledger import Call, Command
from service.commands._operation import Operation
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import INVOICE, Body, invoice_of
from service.domain import from_minor
from service.errors import Refused, VendorRejected

_MARGIN = timedelta(hours=1)
_EVENTS_LIMIT = 1000
_MAILED = "send_invoice"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that can be done with an invoice.

    Attributes:
        step: what the idempotency key calls it; stored in rows, so never renamed.
        verb: Stripe's name of the call.
        possible: the statuses in which it can be done.
        wished: the statuses in which nothing is left to do.
        otherwise: what to say of an invoice in any other status.
        refuse: refuses an invoice that is in a possible status; raises Refused.
    """

    step: str
    verb: str
    possible: frozenset[str]
    wished: frozenset[str]
    otherwise: Mapping[str, str]
    refuse: Callable[[Body], None] = lambda _invoice: None

    def left_to_do(self, invoice: Body) -> bool:
        """Tell whether it is still to be done.

        Raises:
            Refused: INVOICE_WRONG_STATE, it cannot be done.
        """
        status = str(invoice.get("status"))
        if status in self.wished:
            return False
        if status not in self.possible:
            raise _wrong(self.otherwise.get(status, f"the invoice is {status}"))
        self.refuse(invoice)
        return True

    async def do(self, steps: Steps, command: Command, invoice: str, subject: str) -> Body | None:
        """Do it, once for ever; `subject` is what the business version counts for.

        Returns the invoice as that left it; None if a run before this one did it.
        """
        key, _ = carried(command, subject, self.step)
        told = self._told(steps, command, invoice) if self.verb == _MAILED else None
        params: Params = {"auto_advance": False} if self.verb == "finalize_invoice" else {}
        try:
            return await steps.act(command, ("invoice", self.verb), invoice, params, key, done=self.is_done, told=told)
        except VendorRejected:
            # Refused in our words, or not at all, if somebody else was faster.
            body = (await steps.stripe[command.entity].retrieve("invoice", invoice)).body
            if self.left_to_do(body):
                raise
            return body

    def is_done(self, invoice: Body) -> bool:
        """Tell whether an invoice is as it was wished."""
        return invoice.get("status") in self.wished

    @staticmethod
    def _told(steps: Steps, command: Command, invoice: str) -> Callable[[Call], Awaitable[bool]]:
        async def told(call: Call) -> bool:
            """Look for the event of a mail: an invoice itself does not say that it was sent."""
            since = min(call.begun_at, command.created_at) - _MARGIN
            wanted: Params = {"type": "invoice.sent", "created": {"gte": int(since.timestamp())}}
            found = await steps.stripe[command.entity].list("event", wanted, limit=_EVENTS_LIMIT)
            named = (((one.body.get("data") or {}).get("object") or {}).get("id") for one in found)
            return invoice in named

        return told


def _wrong(fault: str) -> Refused:
    return Refused(fault, reason="INVOICE_WRONG_STATE")


def _unsent(invoice: Body) -> None:
    if invoice.get("collection_method") != _MAILED:
        raise _wrong("the invoice is charged automatically, so Stripe mails it by itself: pay it instead")


def _unpaid(invoice: Body) -> None:
    paid = int(invoice.get("amount_paid") or 0)
    if paid:
        code = str(invoice.get("currency")).upper()
        raise _wrong(f"{from_minor(paid, code):f} {code} of the invoice is paid: credit it instead")


_FINAL = ("open", "paid", "uncollectible")
FINALISE = Change(
    "invoice.finalise",
    "finalize_invoice",
    frozenset({"draft"}),
    frozenset(_FINAL),
    {"void": "the invoice is void: make a new one"},
)
SEND = Change(
    "invoice.send",
    _MAILED,
    frozenset({"draft", "open", "uncollectible"}),
    frozenset(),
    {"paid": "the invoice is paid already", "void": "the invoice is void: make a new one"},
    refuse=_unsent,
)
VOID = Change(
    "invoice.void",
    "void_invoice",
    frozenset({"open", "uncollectible"}),
    frozenset({"void"}),
    {
        "draft": "the invoice is a draft, which is deleted and not voided: delete it in Stripe",
        "paid": "the invoice is paid already: credit it instead",
    },
    refuse=_unpaid,
)
WRITE_OFF = Change(
    "invoice.uncollectible",
    "mark_uncollectible",
    frozenset({"open"}),
    frozenset({"uncollectible"}),
    {
        "draft": "the invoice is a draft, which nobody owes yet: finalise it first",
        "paid": "the invoice is paid already",
        "void": "the invoice is void already",
    },
)


def _operation(name: str, change: Change) -> Operation:
    async def run(steps: Steps, command: Command) -> Settled:
        return await _carry_out(steps, command, change)

    run.__doc__ = f"See that the invoice may be changed, then do it: {change.verb}."
    return Operation(name, run, target=INVOICE)


async def _carry_out(steps: Steps, command: Command, change: Change) -> Settled:
    async def read() -> Params:
        def may_be(invoice: Body) -> bool:
            return invoice.get("status") in change.possible | change.wished

        invoice = await invoice_of(steps, command, may_be=may_be)
        terms: Params = {"target_id": invoice["id"], "currency": invoice["currency"], "amount_minor": invoice["total"]}
        return terms | {"left_to_do": change.left_to_do(invoice)}

    terms = await steps.fix_terms(command, read)
    invoice = terms["target_id"]
    if terms["left_to_do"]:
        await change.do(steps, command, invoice, invoice)
    return succeeded(result_id=invoice), []


FINALISE_INVOICE = _operation("finalise_invoice", FINALISE)
SEND_INVOICE = _operation("send_invoice", SEND)
VOID_INVOICE = _operation("void_invoice", VOID)
MARK_INVOICE_UNCOLLECTIBLE = _operation("mark_invoice_uncollectible", WRITE_OFF)
