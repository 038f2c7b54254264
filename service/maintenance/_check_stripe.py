"""Whether a Stripe key can do its part: it answers, it is of the configured account and mode, it may do what we do.

Reading is tried by listing one object. Writing is tried with a request that Stripe refuses for a parameter nobody
knows, after it has looked at the key's permissions: nothing is ever made.
Source: docs.stripe.com/keys/restricted-api-keys, docs.stripe.com/error-codes (parameter_unknown).
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from service.clients import Purpose, StripeApi
from service.clock import Clock
from service.commands import CREATED_TYPES
from service.config import StripeAccount
from service.errors import VendorDenied, VendorError, VendorRejected
from service.intake import KNOWN_TYPES
from service.maintenance._finding import Finding, fault, note, ok

# Fetched when events tell of them, named by line items, listed to find a saved one or what was done, or listed because
# another object shows only some.
READ_TYPES = tuple(sorted(KNOWN_TYPES | {"payment_method", "line_item", "price", "product", "event"}))
# What is listed below another object is tried below one that nobody has.
_BELOW = {"line_item": {"invoice": "in_counterfoil_check"}}
_NO_SUCH_PARAMETER = "counterfoil_check"
_PERMISSION = "permission"
_UNREACHABLE = "Check that {} can be reached from here; then try again"


async def check_account(entity: str, account: StripeAccount, api: StripeApi, clock: Clock) -> list[Finding]:
    """Return what was found of one entity's account; the rest is left out when Stripe does not answer."""
    subject = f"entities.{entity}.stripe"
    first, goes_on = await _identity(subject, account, api)
    if not goes_on:
        return [first]
    writes = (_may_write(subject, kind, api, clock) for kind in CREATED_TYPES)
    reads = (_may_read(subject, kind, account, api) for kind in READ_TYPES)
    others = (_same_account(subject, purpose, api) for purpose in api.own_keys if purpose is not Purpose.COMMAND)
    set_up = _may_set_up(subject, account, api, clock) if Purpose.SETUP in api.own_keys else ()
    return [first, *await asyncio.gather(*others, *writes, *reads, *set_up)]


async def _same_account(subject: str, purpose: Purpose, api: StripeApi) -> Finding:
    """Compare the account of another key with that of the first, unless one of them may not read it."""
    where = f"{subject}.{purpose.value}"
    try:
        first, found = [str((await api.account(one)).get("id")) for one in (Purpose.COMMAND, purpose)]
    except VendorDenied as error:
        if error.metadata.get(_PERMISSION) is None:
            return fault(where, "account", error.message, "Give a key that is valid now")
        return note(where, "account", f"not compared: a key may not read its account ({error.metadata[_PERMISSION]})")
    except VendorError as error:
        return fault(where, "account", error.message, "Try again")
    if first != found:
        return fault(where, "account", f"belongs to {found}, but secret_key to {first}", "Give keys of one account")
    return ok(where, "account", found)


def _may_set_up(
    subject: str, account: StripeAccount, api: StripeApi, clock: Clock
) -> tuple[Coroutine[Any, Any, Finding], ...]:
    """Ask for what `counterfoil provision` needs; without a key of its own it names one when it is run."""
    kind = "webhook_endpoint"
    return _may_write(subject, kind, api, clock), _may_read(subject, kind, account, api)


async def _identity(subject: str, account: StripeAccount, api: StripeApi) -> tuple[Finding, bool]:
    """Compare the account; tell also whether it makes sense to ask on."""
    try:
        found = str((await api.account()).get("id"))
    except VendorDenied as error:
        return _account_denied(subject, account, error)
    except VendorError as error:
        return fault(subject, "account", error.message, _UNREACHABLE.format(account.api_base)), False
    mode = "live" if account.livemode else "test"
    if account.account is None:
        detail = f"the key belongs to {found}, {mode} mode"
        return note(subject, "account", detail, "Write it down as 'account', so that another key is noticed"), True
    if found != account.account:
        detail = f"is {account.account}, but the key belongs to {found}"
        return fault(f"{subject}.account", "account", detail, "Correct the account id or the key"), False
    return ok(subject, "account", f"{found}, {mode} mode"), True


def _account_denied(subject: str, account: StripeAccount, error: VendorDenied) -> tuple[Finding, bool]:
    permission = error.metadata.get(_PERMISSION)
    if permission is None:
        return fault(f"{subject}.secret_key", "account", error.message, "Give a key that is valid now"), False
    detail = f"the key may not read its account ({permission})"
    if account.account is None:
        return note(subject, "account", f"not compared: {detail}"), True
    return fault(f"{subject}.account", "account", detail, "Grant the permission, or leave the account id out"), True


async def _may_write(subject: str, kind: str, api: StripeApi, clock: Clock) -> Finding:
    check = f"write {kind}"
    key = f"counterfoil-check-{clock.new_id().hex}"
    try:
        made = await api.create(kind, {_NO_SUCH_PARAMETER: "1"}, idempotency_key=key)
    except VendorRejected:
        return ok(subject, check)  # refused for the parameter: the permission was there
    except VendorDenied as error:
        return _denied(subject, check, error, _key_of(kind, Purpose.COMMAND, api))
    except VendorError as error:
        return fault(subject, check, error.message, "Try again")
    detail = f"Stripe took a request that it should have refused, and made {made.body.get('id')}"
    return fault(subject, check, detail, "Remove that object, and report this")


async def _may_read(subject: str, kind: str, account: StripeAccount, api: StripeApi) -> Finding:
    check = f"read {kind}"
    try:
        found = await api.list(kind, dict(_BELOW.get(kind, {})), limit=1)
    except VendorRejected:
        return ok(subject, check)  # refused for its parameters, or not found: the permission was there
    except VendorDenied as error:
        return _denied(subject, check, error, _key_of(kind, Purpose.READ, api))
    except VendorError as error:
        return fault(subject, check, error.message, "Try again")
    modes = {answer.body["livemode"] for answer in found if "livemode" in answer.body}
    if modes - {account.livemode}:
        detail = f"is {str(account.livemode).lower()}, but {found[0].body.get('id')} says otherwise"
        return fault(f"{subject}.livemode", check, detail, "Correct it, or the key")
    return ok(subject, check)


def _key_of(kind: str, purpose: Purpose, api: StripeApi) -> str:
    """Return how a person tells which key was asked: "key" where there is only one."""
    if len(api.own_keys) == 1:
        return "key"
    purpose = Purpose.SETUP if kind == "webhook_endpoint" else purpose
    return (purpose if purpose in api.own_keys else Purpose.COMMAND).value


def _denied(subject: str, check: str, error: VendorDenied, key: str) -> Finding:
    permission = error.metadata.get(_PERMISSION)
    if permission is None:
        return fault(subject, check, error.message, f"Grant the {key} this permission in Stripe's dashboard")
    return fault(subject, check, f"the {key} lacks {permission}", f"Grant the {key} {permission} in Stripe's dashboard")
