"""The address of an entity's webhooks, from the public one a person gives."""

import pytest

from service.errors import ConfigurationError
from service.maintenance.provision import webhook_url


@pytest.mark.parametrize("base", ["https://pay.example.com", "https://pay.example.com/"])
def test_the_entity_is_in_the_address(base: str) -> None:
    assert webhook_url(base, "acme", plain_allowed=False) == "https://pay.example.com/webhooks/stripe/acme"


def test_a_proxy_may_have_a_path() -> None:
    wanted = "https://pay.example.com/counterfoil/webhooks/stripe/acme"
    assert webhook_url("https://pay.example.com/counterfoil", "acme", plain_allowed=False) == wanted


@pytest.mark.parametrize(
    "base",
    ["pay.example.com", "ftp://pay.example.com", "https://u:p@pay.example.com", "https://", "https://a.example/?x=1"],
)
def test_what_is_no_address_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        webhook_url(base, "acme", plain_allowed=True)
    assert caught.value.field == "--url"
    assert "u:p" not in caught.value.message


def test_plain_http_is_for_test_mode_only() -> None:
    assert webhook_url("http://127.0.0.1:8080", "acme", plain_allowed=True).startswith("http://127.0.0.1:8080/")
    with pytest.raises(ConfigurationError, match="without TLS"):
        webhook_url("http://pay.example.com", "acme", plain_allowed=False)
