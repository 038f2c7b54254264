"""Webhook endpoints at Stripe, as an installation needs them: what is there, what is missing, what has to change.

An endpoint of ours carries two entries of metadata, its entity and its scope ("account", or "connect" for the events of
connected accounts), because Stripe does not show the scope of an endpoint that exists. The API version of an endpoint
is fixed when it is made, so one of another version is replaced by a new one beside it and disabled on a later run, when
the new secret is in use. Nothing is ever deleted, and no endpoint of somebody else's is touched.
Source: docs.stripe.com/api/webhook_endpoints, docs.stripe.com/webhooks/versioning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from service.clients import StripeApi
from service.config import Entity
from service.errors import ConfigurationError
from service.intake.event_types import event_types

ENDPOINT = "webhook_endpoint"
# An account has at most 16 endpoints, a platform 16 more: docs.stripe.com/webhooks.
_LIST_LIMIT = 100
_ENTITY, _SCOPE = "counterfoil_entity", "counterfoil_scope"
_DESCRIPTION = "Counterfoil: events for Salesforce"
_ANY = "*"
_UPDATE = "update"


class Action(StrEnum):
    """What is to be done about one endpoint."""

    KEEP = "keep"
    CREATE = "create"
    UPDATE = "update"
    WAIT = "wait"
    DISABLE = "disable"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """One endpoint and what becomes of it.

    Attributes:
        scope: "account" or "connect"; "unknown" where Stripe does not tell.
        endpoint_id: Stripe's id, None for one that is to be made.
        why: for a person, without any secret.
        params: what Stripe is asked for.
    """

    entity: str
    scope: str
    url: str
    action: Action
    why: str
    endpoint_id: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


def webhook_url(base: str, entity: str, *, plain_allowed: bool) -> str:
    """Return the address of an entity's webhooks below the public address `base`.

    Raises:
        ConfigurationError: the address is none that Stripe takes.
    """
    parts = urlsplit(base)
    remedy = "Give the public address, such as https://pay.example.com"
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigurationError("--url", "is not an address of a server", remedy)
    if parts.scheme == "http" and not plain_allowed:
        raise ConfigurationError("--url", "is without TLS, which Stripe refuses in live mode", remedy)
    return f"{base.rstrip('/')}/webhooks/stripe/{entity}"


async def plan_endpoints(
    name: str, entities: Mapping[str, Entity], api: StripeApi, *, url: str, retire: bool
) -> list[Step]:
    """Return what has to be done for one entity that has an endpoint of its own; reads Stripe, changes nothing.

    Args:
        name: the entity.
        entities: all of the installation, among them those it is the platform of.
        api: its account.
        url: its webhook address.
        retire: disable endpoints of ours that were replaced.

    Raises:
        VendorError: Stripe did not answer, or the key may not read webhook endpoints.
    """
    connected = any(entity.stripe.platform == name for entity in entities.values())
    found = [answer.body for answer in await api.list(ENDPOINT, {}, limit=_LIST_LIMIT)]
    strangers = [row for row in found if row.get("url") == url and _metadata(row) == (None, None)]
    if connected and strangers:
        return [_refuse(name, url, row) for row in strangers]
    steps: list[Step] = []
    for scope in ("account", "connect") if connected else ("account",):
        steps += _scope(name, scope, url, [row for row in found if _metadata(row) == (name, scope)] + strangers, retire)
    return steps


def _metadata(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    metadata = row.get("metadata") or {}
    return metadata.get(_ENTITY), metadata.get(_SCOPE)


def _refuse(name: str, url: str, row: Mapping[str, Any]) -> Step:
    why = (
        f"was made by hand, and Stripe does not show whether for connected accounts: give it the metadata "
        f"{_ENTITY}={name} and {_SCOPE}=account or connect, or remove it"
    )
    return Step(name, "unknown", url, Action.REFUSE, why, str(row["id"]))


def _scope(name: str, scope: str, url: str, rows: Sequence[Mapping[str, Any]], retire: bool) -> list[Step]:
    current = [row for row in rows if row.get("api_version") == StripeApi.api_version]
    # Of several the one that is enabled and newest: a person may have made another, or two runs met.
    current.sort(key=lambda row: (row.get("status") == "enabled", row.get("created", 0)), reverse=True)
    others = [row for row in rows if row not in current[:1] and row.get("status") == "enabled"]
    steps = [_update(name, scope, url, current[0]) if current else _create(name, scope, url)]
    for row in others:
        told = f"version {row.get('api_version') or 'of the account'}, replaced"
        if current and retire:
            steps.append(Step(name, scope, url, Action.DISABLE, told, str(row["id"]), {"disabled": True}))
        else:
            why = f"{told}: run again with --retire once the new secret is in use"
            steps.append(Step(name, scope, url, Action.WAIT, why, str(row["id"])))
    return steps


def _create(name: str, scope: str, url: str) -> Step:
    params: dict[str, Any] = {
        "url": url,
        "enabled_events": event_types(),
        "api_version": StripeApi.api_version,
        "description": _DESCRIPTION,
        "metadata": {_ENTITY: name, _SCOPE: scope},
    }
    if scope == "connect":
        params["connect"] = True
    why = f"{len(params['enabled_events'])} event types, version {StripeApi.api_version}"
    return Step(name, scope, url, Action.CREATE, why, None, params)


def _update(name: str, scope: str, url: str, row: Mapping[str, Any]) -> Step:
    identifier = str(row["id"])
    wanted, present = set(event_types()), set(row.get("enabled_events") or ())
    params: dict[str, Any] = {}
    why: list[str] = []
    if present != wanted:
        params["enabled_events"] = sorted(wanted)
        added, removed = sorted(wanted - present), sorted(present - wanted)
        why += [f"adds {len(added)} event types"] if added and _ANY not in present else []
        why += [f"no longer sends {', '.join(removed)}"] if removed else []
    if row.get("url") != url:
        params["url"] = url
        why.append(f"moves from {row.get('url')}")
    if row.get("status") != "enabled":
        params["disabled"] = False
        why.append("is disabled: enables it")
    if _metadata(row) != (name, scope):
        params["metadata"] = {_ENTITY: name, _SCOPE: scope}
        why.append("was made by hand: marks it as this entity's")
    if not params:
        return Step(name, scope, url, Action.KEEP, "stands as wanted", identifier)
    return Step(name, scope, url, Action.UPDATE, "; ".join(why), identifier, params)


async def apply_step(api: StripeApi, step: Step, *, run: str) -> tuple[str, str | None]:
    """Carry out a step; return the endpoint's id, and the signing secret of one that was made.

    Args:
        api: the account of the step's entity.
        step: one that was planned just now.
        run: a name of this run. A request that is repeated within it has its effect once; another run is another
            action, for which Stripe must not repeat what it answered about an endpoint that may be gone by then.

    Raises:
        VendorError: Stripe refused or did not answer.
    """
    key = f"counterfoil-provision-{run}-{step.entity}-{step.scope}-{step.endpoint_id or 'new'}"
    if step.endpoint_id is None:
        made = await api.create(ENDPOINT, dict(step.params), idempotency_key=key)
        return str(made.body["id"]), str(made.body["secret"])
    if step.params:
        await api.act(ENDPOINT, _UPDATE, step.endpoint_id, dict(step.params), idempotency_key=key)
    return step.endpoint_id, None
