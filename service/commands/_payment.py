"""The parameters of each way to pay, and how a Stripe answer ends the command. Pure."""

from collections.abc import Mapping
from typing import Any

from service.commands._ledger import Command, CommandState, Outcome
from service.commands._terms import Terms
from service.config import Entity
from service.domain import SOURCE_OBJECTS, Carried
from service.errors import PaymentDeclined, Refused

Params = dict[str, Any]
_DESCRIPTION_LIMIT = 500


def metadata(command: Command, terms: Terms, carried: Mapping[str, str]) -> dict[str, str]:
    """Return what every payment we make carries: by it Stripe's news find their way back."""
    source = {"salesforce_object": SOURCE_OBJECTS[(command.record_id or "")[:3]]}
    return {**carried, **source, "salesforce_account_id": terms.account_id}


def customer_params(terms: Terms, traceparent: str | None) -> Params:
    """Return the parameters of a customer made for an Account."""
    carried = {Carried.RECORD: terms.account_id, "salesforce_object": "Account"}
    params: Params = {"metadata": carried | ({Carried.TRACE: traceparent} if traceparent else {})}
    return params | ({"name": terms.account_name} if terms.account_name else {})


def intent_params(
    command: Command, terms: Terms, customer: str, carried: Mapping[str, str], payment_method: str | None
) -> Params:
    """Return the parameters of a payment intent; with a payment method it is confirmed without the customer."""
    params: Params = {
        "amount": terms.amount_minor,
        "currency": terms.currency,
        "customer": customer,
        "description": terms.title[:_DESCRIPTION_LIMIT],
        "metadata": dict(carried),
        "automatic_payment_methods": {"enabled": True},
        **_capture(command),
    }
    if payment_method is not None:
        # Nobody is there to be redirected: methods that would need it are left out.
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        params |= {"payment_method": payment_method, "confirm": True, "off_session": True}
    return params


def session_params(command: Command, terms: Terms, customer: str, carried: Mapping[str, str], entity: Entity) -> Params:
    """Return the parameters of a Stripe-hosted checkout page.

    Raises:
        Refused: CHECKOUT_NOT_CONFIGURED, when the entity names no page to return to.
    """
    if entity.checkout is None:
        raise Refused(
            f"entity {command.entity} has no 'checkout' pages: add checkout.success_url to its configuration",
            reason="CHECKOUT_NOT_CONFIGURED",
        )
    params: Params = {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": command.record_id,
        "success_url": entity.checkout.success_url,
        **_sold(command, terms, carried),
    }
    return params | ({"cancel_url": entity.checkout.cancel_url} if entity.checkout.cancel_url else {})


def link_params(command: Command, terms: Terms, carried: Mapping[str, str], entity: Entity) -> Params:
    """Return the parameters of a payment link that one payment can be made by.

    Stripe copies its metadata to the sessions that it opens (docs.stripe.com/api/payment-link/create).
    """
    params: Params = {
        "restrictions": {"completed_sessions": {"limit": 1}},
        "customer_creation": "if_required",
        **_sold(command, terms, carried),
    }
    if entity.checkout is not None:
        params["after_completion"] = {"type": "redirect", "redirect": {"url": entity.checkout.success_url}}
    return params


def _sold(command: Command, terms: Terms, carried: Mapping[str, str]) -> Params:
    """Return what is sold on a page of Stripe's, and what its payment intent is to carry."""
    title = terms.title[:_DESCRIPTION_LIMIT]
    price = {"currency": terms.currency, "unit_amount": terms.amount_minor, "product_data": {"name": title}}
    return {
        "line_items": [{"quantity": 1, "price_data": price}],
        "metadata": dict(carried),
        "payment_intent_data": {"metadata": dict(carried), "description": title, **_capture(command)},
    }


def _capture(command: Command) -> Params:
    """Return how money is taken; nothing is said of it unless it is to be held and captured later."""
    return {"capture_method": "manual"} if command.arguments.get("capture_method") == "manual" else {}


def declined(error: PaymentDeclined, payment_intent: str | None) -> Outcome:
    """Return the outcome of a declined payment, in the words Stripe gives for the customer."""
    return Outcome(
        CommandState.DECLINED,
        reason=error.reason,
        message="the payment was declined: ask again with a new version once the customer has another way to pay",
        failure_code=error.decline_code or error.code,
        failure_message=_customer_message(error),
        results={"payment_intent_id": payment_intent},
    )


def decline_in(intent: Mapping[str, Any]) -> PaymentDeclined | None:
    """Return the decline an intent tells of, when its answer was lost: the same as the lost answer's."""
    error = intent.get("last_payment_error")
    if intent.get("status") != "requires_payment_method" or not isinstance(error, dict):
        return None
    code, decline_code = error.get("code"), error.get("decline_code")
    return PaymentDeclined(
        f"the payment was declined ({decline_code or code or 'no reason given'})",
        code=code,
        decline_code=decline_code,
        request_id=None,
        payment_intent=dict(intent),
    )


def _customer_message(error: PaymentDeclined) -> str:
    last = (error.payment_intent or {}).get("last_payment_error")
    message = last.get("message") if isinstance(last, dict) else None
    return str(message or error.message)
