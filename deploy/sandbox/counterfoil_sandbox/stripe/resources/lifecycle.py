"""What happens to a PaymentIntent: confirmed, authenticated, charged, captured, cancelled.

Sources: docs.stripe.com/payments/paymentintents/lifecycle and
docs.stripe.com/payments/payment-intents/asynchronous-capture.
The order of events is the natural one: the charge's before the intent's.
"""

from dataclasses import dataclass
from typing import Any

from counterfoil_sandbox.stripe import cards, currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, refused
from counterfoil_sandbox.stripe.resources import charges, disputes, payment_methods
from counterfoil_sandbox.stripe.world import World, snapshot

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*CONFIRMABLE, "requires_capture", "processing")
RETURN_URL = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
    "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't "
    "want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)
NO_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment "
    "method or ConfirmationToken."
)
UNEXPECTED = "payment_intent_unexpected_state"


@dataclass(frozen=True)
class Confirmation:
    """How an intent is confirmed. `off_session`: the payer is not there to authenticate or to be redirected."""

    off_session: bool = False
    fail_on_action: bool = False
    return_url: str | None = None


def unexpected(intent: Json, message: str) -> StripeError:
    """Build the refusal of an action the intent's status does not allow."""
    return refused(message, UNEXPECTED, payment_intent=snapshot(intent))


def check_method(world: World, intent: Json, method: Json) -> None:
    """Raise when a PaymentMethod may not pay this intent: another customer's, spent, or of a type not allowed."""
    owner = method["customer"]
    if owner is not None and intent["customer"] is None:
        raise invalid(
            f"The PaymentMethod {method['id']} belongs to the Customer {owner}. Please include the Customer in the "
            "`customer` parameter on the PaymentIntent.",
            "payment_method",
        )
    if owner is not None and owner != intent["customer"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
            "attached to the customer.",
            "payment_method",
            "resource_missing",
        )
    if owner is None and world.hidden(method["id"]).get("spent"):
        raise refused(payment_methods.SPENT)
    if method["type"] not in intent["payment_method_types"]:
        raise refused(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please provide a "
            f"PaymentMethod of one of these types: {', '.join(intent['payment_method_types'])}."
        )


def check_confirmable(intent: Json, wanted: Confirmation) -> None:
    """Raise when an intent that has its PaymentMethod may not be confirmed this way."""
    if intent["status"] not in CONFIRMABLE:
        reason = (
            "it has already succeeded after being previously confirmed."
            if intent["status"] == "succeeded"
            else f"it has a status of {intent['status']}. Only a PaymentIntent with one of the following statuses may "
            f"be confirmed: {', '.join(CONFIRMABLE)}."
        )
        raise unexpected(intent, f"You cannot confirm this PaymentIntent because {reason}")
    if intent["payment_method"] is None:
        raise unexpected(intent, NO_METHOD)
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects") == "always"
    if redirects and not wanted.return_url and not wanted.off_session:
        raise invalid(RETURN_URL)
    if wanted.off_session and intent["setup_future_usage"]:
        raise invalid(
            "You cannot confirm with `off_session=true` when `setup_future_usage` is also set on the PaymentIntent. "
            "The customer needs to be on-session to perform the steps which may be required to set up the "
            "PaymentMethod for future usage.",
        )


def confirm(world: World, intent: Json, wanted: Confirmation) -> None:
    """Try to pay an intent; raise the card error of a decline after recording it."""
    check_confirmable(intent, wanted)
    method = world.payment_methods.rows[intent["payment_method"]]
    check_method(world, intent, method)
    card = payment_methods.card_of(world, method)
    if _needs_authentication(world, intent, method, card, wanted):
        if wanted.off_session or wanted.fail_on_action:
            _decline(world, intent, method, cards.AUTHENTICATION)
        _require_action(world, intent, wanted)
        return
    charge(world, intent)


def _needs_authentication(world: World, intent: Json, method: Json, card: cards.Card, wanted: Confirmation) -> bool:
    options = (intent["payment_method_options"] or {}).get("card", {})
    if options.get("request_three_d_secure") in ("any", "challenge") and not wanted.off_session:
        return True
    if card.authentication == "on_setup":
        return not (wanted.off_session and world.hidden(method["id"]).get("authenticated"))
    return card.authentication == "always"


def _require_action(world: World, intent: Json, wanted: Confirmation) -> None:
    token = world.ids.token(24)
    url = f"{world.base_url}/3ds/{intent['id']}/{token}"
    world.hidden(intent["id"])["challenge"] = {"token": token, "return_url": wanted.return_url}
    intent["status"] = "requires_action"
    intent["last_payment_error"] = None
    if wanted.return_url:
        action: Json = {"type": "redirect_to_url", "redirect_to_url": {"return_url": wanted.return_url, "url": url}}
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": url, "source": world.ids.new("payatt", "3")}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    intent["next_action"] = action
    world.emit("payment_intent.requires_action", intent)
    _tell(world, intent)


def authenticate(world: World, intent: Json, *, passed: bool) -> None:
    """End a 3-D Secure challenge: pay the intent, or send it back for another PaymentMethod."""
    method = world.payment_methods.rows[intent["payment_method"]]
    if passed:
        world.hidden(method["id"])["authenticated"] = bool(intent["setup_future_usage"])
        charge(world, intent, authenticated=True)
        return
    intent["last_payment_error"] = {
        "code": "payment_intent_authentication_failure",
        "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
        "message": "We are unable to authenticate your payment method. Please choose a different payment method and "
        "try again.",
        "payment_method": snapshot(method),
        "type": "invalid_request_error",
    }
    _send_back(world, intent, method)


def charge(world: World, intent: Json, *, authenticated: bool = False) -> None:
    """Charge the PaymentMethod of an intent, raising the card error of a decline."""
    method = world.payment_methods.rows[intent["payment_method"]]
    card = payment_methods.card_of(world, method)
    if card.decline:
        _decline(world, intent, method, card.decline)
    if method["customer"] is None:
        world.hidden(method["id"])["spent"] = True
    row = charges.make(world, intent, method, None, authenticated=authenticated)
    intent |= {"latest_charge": row["id"], "next_action": None, "last_payment_error": None}
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        payment_methods.attach(world, method, intent["customer"])
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        world.emit("charge.succeeded", row)
        world.emit("payment_intent.amount_capturable_updated", intent)
        world.at(world.now() + charges.AUTHORISED_S, lambda: expire(world, intent, row))
        return
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    if intent["capture_method"] == "automatic":
        charges.settle(world, row)
    world.emit("charge.succeeded", row)
    if card.dispute:
        disputes.begin(world, row, card.dispute)
    world.emit("payment_intent.succeeded", intent)
    _tell(world, intent)
    if intent["capture_method"] == "automatic_async":
        world.later(world.settings.balance_transaction_delay_ms, lambda: charges.settle_late(world, row))


def _decline(world: World, intent: Json, method: Json, decline: cards.Decline) -> None:
    if method["customer"] is None:
        world.hidden(method["id"])["spent"] = True
    row = charges.make(world, intent, method, decline, authenticated=False)
    error: Json = {
        "advice_code": decline.advice_code,
        "charge": row["id"],
        "decline_code": decline.decline_code,
        "payment_method": snapshot(method),
    }
    declined = StripeError(402, decline.message, kind="card_error", code=decline.code, executed=True, **error)
    intent["latest_charge"] = row["id"]
    intent["last_payment_error"] = snapshot(declined.error)
    world.emit("charge.failed", row)
    _send_back(world, intent, method)
    declined.error["payment_intent"] = snapshot(intent)
    raise declined


def _send_back(world: World, intent: Json, method: Json) -> None:
    """Return an intent to requires_payment_method after a failed attempt."""
    if method["customer"] is None:
        world.hidden(method["id"])["spent"] = True
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    world.emit("payment_intent.payment_failed", intent)
    _tell(world, intent)


def _tell(world: World, intent: Json) -> None:
    """Let what the intent pays for know how the attempt went."""
    for payer in world.payers:
        payer(intent)


def capture(world: World, intent: Json, amount: int | None) -> None:
    """Capture an authorisation once; what is not captured is released without a refund."""
    if intent["status"] != "requires_capture":
        raise unexpected(
            intent,
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    wanted = intent["amount_capturable"] if amount is None else amount
    if wanted > intent["amount_capturable"]:
        remaining = currencies.major(intent["amount_capturable"], intent["currency"])
        raise invalid(
            f"The remaining amount that can be captured for this PaymentIntent is {remaining:,} "
            f"{intent['currency']}. Try again with a smaller amount.",
            "amount_to_capture",
            "amount_too_large",
        )
    currencies.check_amount(wanted, intent["currency"], "amount_to_capture")
    row = world.charges.rows[intent["latest_charge"]]
    row |= {"captured": True, "amount_captured": wanted}
    charges.settle(world, row)
    intent |= {"status": "succeeded", "amount_received": wanted, "amount_capturable": 0}
    for session in world.sessions.having("payment_intent", intent["id"]):
        session["payment_status"] = "paid"
    world.emit("charge.captured", row)
    world.emit("payment_intent.succeeded", intent)
    _tell(world, intent)


def cancel(world: World, intent: Json, reason: str | None) -> None:
    """Cancel an intent; an authorisation is released, and no refund comes of it."""
    if intent["status"] not in CANCELABLE:
        raise unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_reauthorization, requires_confirmation, requires_action, processing, expired.",
        )
    changes: dict[str, Any] = {"status": "canceled", "canceled_at": world.now(), "cancellation_reason": reason}
    intent |= changes | {"amount_capturable": 0, "next_action": None}
    world.emit("payment_intent.canceled", intent)


def expire(world: World, intent: Json, row: Json) -> None:
    """Let an authorisation lapse that was neither captured nor cancelled in time."""
    if intent["status"] == "requires_capture":
        world.emit("charge.expired", row)
        cancel(world, intent, "expired")
