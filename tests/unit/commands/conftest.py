from typing import Any

import pytest

from service.config import Installation
from service.config._load import parse_installation

_SECRET = {"env": "X"}


@pytest.fixture
def installation() -> Installation:
    """One entity, one org."""
    auth = {"flow": "client_credentials", "client_id": "c", "client_secret": _SECRET}
    org: dict[str, Any] = {"org_id": f"00D{1:015d}", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
    stripe = {"livemode": False, "secret_key": _SECRET, "webhook_secrets": [_SECRET]}
    return parse_installation(
        {"version": 1, "orgs": {"main": org}, "entities": {"acme": {"org": "main", "stripe": stripe}}}
    )
