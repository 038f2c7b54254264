"""Ending what a payment waits on, or the payment intent itself, each once for ever: the steps of whoever calls it off.

Refuses to end what the customer has paid in the meantime.
"""

from service.commands._ledger import Command
from service.commands._steps import Params, Steps, carried
from service.commands._target import Body
from service.commands._waiting import LINK, is_open, is_paid
from service.errors import Refused, VendorRejected

# One payment is seldom tried more often (docs.stripe.com/api/checkout/sessions/list).
_VISITS_LIMIT = 1000


async def end_link(steps: Steps, command: Command, link: str, *, is_over: bool = False) -> None:
    """Deactivate a link unless that was done, so that no further page is opened, then end those that are open.

    Raises:
        Refused: PAYMENT_NOT_CANCELLABLE: the customer was faster.
        VendorError: Stripe did not answer as it should.
    """
    key, _ = carried(command, link, "deactivate")
    if not is_over:
        params: Params = {"active": False}
        await steps.act(
            command, ("payment_link", "update"), link, params, key, done=lambda body: not body.get("active")
        )
    visits = await steps.stripe[command.entity].list("checkout.session", {LINK: link}, limit=_VISITS_LIMIT)
    if any(is_paid(one.body) for one in visits):
        raise paid_already("link")
    for page in sorted(str(one.body["id"]) for one in visits if is_open(one.body)):
        await end_page(steps, command, page)


async def end_page(steps: Steps, command: Command, page: str) -> None:
    """End a page.

    Raises:
        Refused: PAYMENT_NOT_CANCELLABLE: the customer was faster.
        VendorError: Stripe did not answer as it should.
    """
    key, _ = carried(command, page, "expire")
    try:
        await steps.act(command, ("checkout.session", "expire"), page, {}, key, done=is_expired)
    except VendorRejected:
        body = (await steps.stripe[command.entity].retrieve("checkout.session", page)).body
        if is_paid(body):
            raise paid_already("page") from None
        if not is_expired(body):
            raise


async def end_intent(steps: Steps, command: Command, intent: str, reason: str | None = None) -> None:
    """Cancel a payment intent; what is held is released.

    Raises:
        VendorError: Stripe did not answer as it should, or the payment has gone on meanwhile.
    """
    key, _ = carried(command, intent, "cancel")
    params: Params = {"cancellation_reason": reason} if reason else {}
    await steps.act(command, ("payment_intent", "cancel"), intent, params, key, done=is_cancelled)


def paid_already(what: str) -> Refused:
    """Return the refusal to end what was paid."""
    return Refused(f"the {what} was paid already: refund the payment instead", reason="PAYMENT_NOT_CANCELLABLE")


def is_cancelled(intent: Body) -> bool:
    """Tell whether a payment intent was cancelled."""
    return intent.get("status") == "canceled"


def is_expired(page: Body) -> bool:
    """Tell whether a page was ended, or has run out."""
    return page.get("status") == "expired"
