"""The pages a payer would see: Checkout's hosted page, a payment link's and a 3-D Secure challenge, as HTML forms.

They need no JavaScript, so that a test can drive them with a form POST. Everything shown is escaped.
"""

import uuid
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError
from counterfoil_sandbox.stripe.resources import checkout, lifecycle, payment_links
from counterfoil_sandbox.stripe.resources.account import MERCHANT
from counterfoil_sandbox.stripe.world import NO_CAUSE, World

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><main><h1>{title}</h1>{content}</main></body></html>
"""
_CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required")


def routes(world: World) -> list[Route]:
    """Return the routes of the pages."""
    pages = _Pages(world)
    return [
        Route("/b/{token}", pages.link, methods=["GET", "POST"]),
        Route("/c/pay/{session}", pages.checkout, methods=["GET", "POST"]),
        Route("/3ds/{intent}/{token}", pages.challenge, methods=["GET", "POST"]),
    ]


class _Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    async def checkout(self, request: Request) -> Response:
        """Show what is to be paid, and take a payment: form fields payment_method, email, name."""
        self._world.catch_up()
        session = self._world.sessions.rows.get(request.path_params["session"])
        if session is None:
            return _page("Page not found", "<p>This link belongs to no Checkout Session.</p>", 404)
        if session["status"] != "open":
            word = "been completed" if session["status"] == "complete" else "expired"
            return _page("Checkout", f"<p>This Checkout Session has {word}.</p>", 410)
        return await self._visit(request, session)

    async def link(self, request: Request) -> Response:
        """Open a session and show its page; a form that is posted here is paid in a session opened for it."""
        self._world.catch_up()
        link = payment_links.by_address(self._world, request.path_params["token"])
        if link is None:
            return _page("Page not found", "<p>This address belongs to no payment link.</p>", 404)
        if not link["active"]:
            message = link["inactive_message"] or "The link is no longer active."
            return _page("Payment link", f"<p>{escape(message)}</p>", 410)
        session = payment_links.visit(self._world, link)
        if request.method == "GET":
            return RedirectResponse(session["url"], status_code=303)
        return await self._visit(request, session)

    async def _visit(self, request: Request, session: Json) -> Response:
        if request.method == "GET":
            return self._checkout_page(session)
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
        method = fields.get("payment_method") or "pm_card_visa"
        with _Cause(self._world):
            try:
                intent = checkout.pay(self._world, session, method, fields.get("email"), fields.get("name"))
            except StripeError as error:
                return self._checkout_page(session, str(error), error.status)
        if intent["status"] == "requires_action":
            return RedirectResponse(intent["next_action"]["redirect_to_url"]["url"], status_code=303)
        return _success(session)

    def _checkout_page(self, session: Json, error: str | None = None, status: int = 200) -> HTMLResponse:
        currency = session["currency"]
        lines = "".join(
            f"<li>{escape(str(line['description']))} x {line['quantity']}: "
            f"{_money(line['amount_total'], currency)}</li>"
            for line in self._world.line_items[session["id"]]
        )
        options = "".join(f"<option>{name}</option>" for name in _CARDS)
        refusal = f'<p role="alert" class="error">{escape(error)}</p>' if error else ""
        back = f'<p><a href="{escape(session["cancel_url"])}">Back</a></p>' if session["cancel_url"] else ""
        content = (
            f'<p>Pay <strong id="amount">{_money(session["amount_total"], currency)}</strong> to '
            f'<strong id="merchant">{escape(MERCHANT)}</strong></p><ul>{lines}</ul>{refusal}'
            '<form method="post"><label>Card <input name="payment_method" list="cards" value="pm_card_visa"></label>'
            f'<datalist id="cards">{options}</datalist>'
            f'<label>Email <input name="email" value="{escape(session["customer_email"] or "")}"></label>'
            '<label>Name <input name="name"></label><button>Pay</button></form>' + back
        )
        return _page(f"Pay {MERCHANT}", content, status)

    async def challenge(self, request: Request) -> Response:
        """Ask the payer to authenticate, and carry on with the answer: form field result, "pass" or "fail"."""
        intent = self._world.payment_intents.rows.get(request.path_params["intent"])
        challenge = self._world.hidden(intent["id"]).get("challenge") if intent else None
        if not intent or not challenge or challenge["token"] != request.path_params["token"]:
            return _page("Page not found", "<p>This link belongs to no payment.</p>", 404)
        if intent["status"] != "requires_action":
            return _page("Authentication", "<p>This authentication has ended.</p>", 410)
        if request.method == "GET":
            money = _money(intent["amount"], intent["currency"])
            buttons = "".join(
                f'<button name="result" value="{value}">{label}</button>'
                for value, label in (("pass", "Complete authentication"), ("fail", "Fail authentication"))
            )
            return _page("3-D Secure", f'<p>Pay {money} to {escape(MERCHANT)}?</p><form method="post">{buttons}</form>')
        async with request.form() as form:
            passed = form.get("result", "pass") == "pass"
        with _Cause(self._world):
            self._finish(intent, passed=passed)
        return self._after_challenge(intent, challenge["return_url"])

    def _finish(self, intent: Json, *, passed: bool) -> None:
        try:
            lifecycle.authenticate(self._world, intent, passed=passed)
        except StripeError:
            return  # the decline stands in the intent, where the page that follows shows it
        session = self._world.sessions.rows.get(self._world.hidden(intent["id"]).get("session", ""))
        if session and intent["status"] in ("succeeded", "requires_capture"):
            checkout.complete(self._world, session, intent)

    def _after_challenge(self, intent: Json, return_url: str | None) -> Response:
        session = self._world.sessions.rows.get(self._world.hidden(intent["id"]).get("session", ""))
        failed = intent["status"] == "requires_payment_method"
        if session:
            return RedirectResponse(session["url"], status_code=303) if failed else _success(session)
        if not return_url:
            return _page("3-D Secure", f"<p>Done: {escape(intent['status'])}</p>")
        query = urlencode(
            {
                "payment_intent": intent["id"],
                "payment_intent_client_secret": intent["client_secret"],
                "redirect_status": "failed" if failed else "succeeded",
            }
        )
        return RedirectResponse(f"{return_url}{'&' if '?' in return_url else '?'}{query}", status_code=303)


class _Cause:
    """Attributes the events of a block to a request of the page, which sends keys of its own, as Stripe's does."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> None:
        self._world.cause = {"id": f"req_{self._world.ids.token(14)}", "idempotency_key": str(uuid.uuid4())}

    def __exit__(self, *_: object) -> None:
        self._world.cause = NO_CAUSE


def _success(session: Json) -> Response:
    if session["success_url"] is None:  # of a payment link that leads nowhere
        return _page("Payment link", "<p>Thanks for your payment.</p>")
    target = str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    return RedirectResponse(target, status_code=303)


def _money(amount: int, currency: str) -> str:
    return f"{currencies.major(amount, currency):,} {currency.upper()}"


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_TEMPLATE.format(title=escape(title), content=content), status_code=status)
