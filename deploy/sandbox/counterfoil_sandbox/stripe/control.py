"""The control plane's Stripe half: faults, settings, logs, secrets, as small JSON endpoints."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from counterfoil_sandbox.faults import ALWAYS, FaultBook
from counterfoil_sandbox.stripe import versions
from counterfoil_sandbox.stripe.errors import StripeError
from counterfoil_sandbox.stripe.resources import disputes, payouts, refunds, webhook_endpoints

if TYPE_CHECKING:
    from counterfoil_sandbox.stripe.sandbox import StripeSandbox

_FAULTS = ("status", "delay", "hold", "truncate", "disconnect", "hang")
_WEBHOOK_FAULTS = ("duplicate", "duplicate_new_id", "reorder", "delay", "drop", "old_api_version")
_NEVER_AFTER = (401, 409, 429)
_POLL_S = 0.005
_MOST_AT_ONCE = 10_000


class _BadRequestError(ValueError):
    """A control request that makes no sense; the message is for the tester."""


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as error:
        raise _BadRequestError(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise _BadRequestError("an object is expected")
    return body


def _check_fault(fault: dict[str, Any], kinds: tuple[str, ...]) -> None:
    if fault.get("fault") not in kinds:
        raise _BadRequestError(f"fault must be one of {', '.join(kinds)}")
    for name in ("times", "ms", "status", "copies"):
        if name in fault and type(fault[name]) is not int:
            raise _BadRequestError(f"{name} must be a whole number")
    if fault["fault"] == "status" and "status" not in fault:
        raise _BadRequestError("a status fault needs a status")
    if fault["fault"] == "hold" and fault.get("times") != ALWAYS:
        raise _BadRequestError("a hold lasts until it is cleared: times must be -1")
    if "api_version" in fault:
        versions.check(str(fault["api_version"]))
    if fault.get("after_effect") and fault.get("status") in _NEVER_AFTER:
        raise _BadRequestError(f"{fault['status']} is only ever answered before an effect")
    if fault.get("after_effect") and fault["fault"] == "delay":
        raise _BadRequestError("a delay comes before the effect")


class _Control:
    """The handlers, one method per path."""

    def __init__(self, sandbox: "StripeSandbox") -> None:
        self._api = sandbox.api
        self._world = sandbox.world
        self._courier = sandbox.world.courier

    async def faults(self, request: Request) -> Response:
        """Faults of API requests."""
        return await _edit(request, self._api.faults, _FAULTS)

    async def webhook_faults(self, request: Request) -> Response:
        """Faults of deliveries."""
        return await _edit(request, self._courier.faults, _WEBHOOK_FAULTS)

    async def settings(self, request: Request) -> Response:
        """Delays, back-off and the calendar."""
        if request.method == "POST":
            wanted = await _body(request)
            self._world.settings.change(wanted)
            self._world.catch_up()
            if "webhook_concurrency" in wanted:
                self._courier.resize()
        return JSONResponse(vars(self._world.settings))

    async def requests(self, _request: Request) -> Response:
        """Recent API requests, oldest first."""
        return JSONResponse({"requests": list(self._api.log)})

    async def forget_keys(self, _request: Request) -> Response:
        """Forget every idempotency key, as after a day."""
        self._api.keys.clear()
        return JSONResponse({"forgotten": True})

    async def restricted_keys(self, request: Request) -> Response:
        """Make a restricted key; or, given a key, change what it may do; or take it away."""
        body = await _body(request)
        held = body.get("permissions", [])
        if not isinstance(held, list) or not all(isinstance(one, str) and one.startswith("rak_") for one in held):
            raise _BadRequestError("permissions are names such as rak_customer_write")
        ids = self._world.ids
        key = body.get("key") or f"rk_test_51{ids.account[-15:]}{ids.token(80)}"
        if request.method == "DELETE":
            self._api.restricted.pop(key, None)
        else:
            self._api.restricted[key] = frozenset(held)
        return JSONResponse({"key": key, "permissions": held})

    async def webhooks(self, _request: Request) -> Response:
        """Recent delivery attempts, oldest first."""
        under_way, resting = self._courier.counts()
        return JSONResponse({"deliveries": list(self._courier.log), "under_way": under_way, "resting": resting})

    async def flush(self, request: Request) -> Response:
        """Wait until nothing more will be delivered without a new cause: no retry, no delayed change is left."""
        deadline = time.monotonic() + int(request.query_params.get("timeout_ms", "5000")) / 1000
        # deliveries and timers come and go; a poll sees them all
        while (left := self._courier.counts()[0] + self._world.timers()) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return JSONResponse({"idle": left == 0, "pending": left})

    async def run_payout(self, request: Request) -> Response:
        """Pay out what is available, as on a schedule; with `settle`, after the settlement period of all pending."""
        body = await _body(request)
        if body.get("settle"):
            payouts.settle(self._world)
        currency = payouts.check(body.get("currency", "usd"), "currency")
        return JSONResponse(payouts.run(self._world, currency))

    async def fail_payout(self, request: Request) -> Response:
        """Let the bank return a payout."""
        code = payouts.check((await _body(request)).get("code", "account_closed"), "code")
        return JSONResponse(payouts.fail(self._world, request.path_params["id"], code))

    async def open_dispute(self, request: Request) -> Response:
        """Dispute a charge, now or long after it was made."""
        body = await _body(request)
        charge = self._world.charges.get(str(body.get("charge")), "charge")
        for name in ("amount", "due_by"):
            if name in body and type(body[name]) is not int:
                raise _BadRequestError(f"{name} must be a whole number")
        kind = payouts.check(body.get("kind", "fraudulent"), "kind")
        amount, due_by = body.get("amount"), body.get("due_by")
        return JSONResponse(disputes.open_one(self._world, charge, kind, amount=amount, due_by=due_by))

    async def move_dispute(self, request: Request) -> Response:
        """Let the bank take a dispute to any status, known or not, and its money with it."""
        body = await _body(request)
        status = payouts.check(body.get("status"), "status")
        return JSONResponse(disputes.move(self._world, request.path_params["id"], status, body.get("funds")))

    async def move_refund(self, request: Request) -> Response:
        """Let the bank settle a refund, or not."""
        body = await _body(request)
        status = payouts.check(body.get("status"), "status")
        return JSONResponse(refunds.move(self._world, request.path_params["id"], status, body.get("failure_reason")))

    async def adjust(self, request: Request) -> Response:
        """Enter a fee or a correction of Stripe's own in the balance."""
        body = await _body(request)
        kind, amount = payouts.check(body.get("type", "stripe_fee"), "type"), body.get("amount")
        if type(amount) is not int:
            raise _BadRequestError("amount must be a whole number of cents, negative for what Stripe takes")
        category = payouts.check(body.get("reporting_category", "fee" if kind == "stripe_fee" else kind), "category")
        description = payouts.check(body.get("description", "Billing - Usage Fee"), "description")
        times = body.get("times", 1)
        if type(times) is not int or not 1 <= times <= _MOST_AT_ONCE:
            raise _BadRequestError(f"times must be a whole number from 1 to {_MOST_AT_ONCE}")
        rows = [payouts.adjust(self._world, kind, amount, category, description) for _ in range(times)]
        return JSONResponse({"data": rows})

    async def roll(self, request: Request) -> Response:
        """Give a webhook endpoint a new secret."""
        body = await _body(request)
        secret = webhook_endpoints.roll(self._world, request.path_params["id"], int(body.get("overlap_ms", 0)))
        return JSONResponse({"id": request.path_params["id"], "secret": secret})


async def _edit(request: Request, book: FaultBook, kinds: tuple[str, ...]) -> Response:
    """Add a fault, or clear them; answer with those still to happen."""
    if request.method == "POST":
        fault = await _body(request)
        _check_fault(fault, kinds)
        book.add(fault)
    elif request.method == "DELETE":
        book.clear()
    return JSONResponse({"faults": book.pending()})


def routes(sandbox: "StripeSandbox") -> list[Route]:
    """Return the routes under /stripe of the control plane."""
    control = _Control(sandbox)
    table = [
        ("/stripe/faults", control.faults, ["GET", "POST", "DELETE"]),
        ("/stripe/webhook-faults", control.webhook_faults, ["GET", "POST", "DELETE"]),
        ("/stripe/settings", control.settings, ["GET", "POST"]),
        ("/stripe/requests", control.requests, ["GET"]),
        ("/stripe/idempotency-keys", control.forget_keys, ["DELETE"]),
        ("/stripe/restricted-keys", control.restricted_keys, ["POST", "DELETE"]),
        ("/stripe/webhooks", control.webhooks, ["GET"]),
        ("/stripe/webhooks/flush", control.flush, ["POST"]),
        ("/stripe/payouts/run", control.run_payout, ["POST"]),
        ("/stripe/payouts/{id}/fail", control.fail_payout, ["POST"]),
        ("/stripe/balance/adjust", control.adjust, ["POST"]),
        ("/stripe/disputes", control.open_dispute, ["POST"]),
        ("/stripe/disputes/{id}", control.move_dispute, ["POST"]),
        ("/stripe/refunds/{id}", control.move_refund, ["POST"]),
        ("/stripe/webhook-endpoints/{id}/roll-secret", control.roll, ["POST"]),
    ]
    return [Route(path, _guarded(handler), methods=methods) for path, handler, methods in table]


def _guarded(handler: Any) -> Any:
    """Answer 400 or the error's own status, never a traceback, when a control request is wrong."""

    async def guarded(request: Request) -> Response:
        try:
            answer: Response = await handler(request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except StripeError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        return answer

    return guarded
