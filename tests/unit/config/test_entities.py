"""Which entity an event is of, and which entities one installation refuses to hold side by side."""

from typing import Any

import pytest

from service.config import Installation, entity_of
from service.config._load import parse_installation
from service.errors import ConfigurationError

_SECRET = {"env": "X"}


def _org(number: int) -> dict[str, Any]:
    auth = {"flow": "client_credentials", "client_id": "c", "client_secret": _SECRET}
    return {"org_id": f"00D{number:015d}", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}


def _entity(org: str, stripe: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"org": org, "stripe": {"livemode": False, "secret_key": _SECRET, **stripe}, **more}


def _own(account: str | None = None) -> dict[str, Any]:
    return {"webhook_secrets": [_SECRET], **({"account": account} if account else {})}


def _installation(**entities: Any) -> Installation:
    return parse_installation({"version": 1, "orgs": {"us": _org(1), "eu": _org(2)}, "entities": entities})


_PLATFORM = _entity("us", _own("acct_us"))
_CONNECTED = _entity("eu", {"platform": "us", "account": "acct_eu"})
_OTHER = _entity("eu", _own("acct_other"), customer_field="Stripe_Customer_Other__c")


@pytest.mark.parametrize(
    ("endpoint", "account", "owner"),
    [
        ("us", None, "us"),
        ("us", "acct_us", "us"),
        ("us", "acct_eu", "eu"),
        ("us", "acct_us/acct_eu", "eu"),
        ("us", "acct_other", None),
        ("us", "acct_nobody", None),
        ("other", "acct_eu", None),
        ("other", None, "other"),
    ],
)
def test_the_account_decides_and_nobody_is_guessed(endpoint: str, account: str | None, owner: str | None) -> None:
    installation = _installation(us=_PLATFORM, eu=_CONNECTED, other=_OTHER)
    assert entity_of(installation.entities, endpoint, account) == owner


def test_only_a_connected_account_is_named_in_calls() -> None:
    entities = _installation(us=_PLATFORM, eu=_CONNECTED).entities
    assert (entities["us"].stripe.connected_account, entities["eu"].stripe.connected_account) == (None, "acct_eu")


@pytest.mark.parametrize(
    ("entities", "fault"),
    [
        ({"us": _PLATFORM, "uk": _entity("us", _own())}, "a customer id belongs to one Stripe account"),
        (
            {"us": _PLATFORM, "eu": _CONNECTED, "e2": _entity("us", _CONNECTED["stripe"], customer_field="X__c")},
            "belongs",
        ),
        ({"us": _PLATFORM, "eu": _entity("eu", {"platform": "us", "account": "acct_us"})}, "belongs to another"),
        ({"us": _PLATFORM, "eu": _entity("eu", {"platform": "no", "account": "acct_eu"})}, "platform must name"),
        ({"us": _PLATFORM, "eu": _entity("eu", {"platform": "us"})}, "needs 'account'"),
        ({"us": _PLATFORM, "eu": _entity("eu", {**_own("acct_eu"), "platform": "us"})}, "no webhook_secrets"),
        ({"us": _entity("us", {})}, "webhook_secrets has none"),
        ({"us": {**_PLATFORM, "routing": [{"object": "Order", "field": "Ref__c"}]}}, "give one of them"),
    ],
)
def test_what_would_mix_accounts_is_refused(entities: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        _installation(**entities)
