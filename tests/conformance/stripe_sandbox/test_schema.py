"""The schema check itself: an answer passes as it is, and not with a property too many, too few, or of another type."""

from typing import Any

import pytest

from tests.conformance.stripe_sandbox import schema
from tests.conformance.stripe_sandbox.running import Running

PAID = {"amount": "700", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true", "off_session": "true"}


@pytest.mark.parametrize(
    ("change", "accepted"),
    [({}, True), ({"colour": "red"}, False), ({"amount": "700"}, False), ({"status": None}, False)],
)
def test_the_check_tells_right_from_wrong(sandbox: Running, change: dict[str, Any], accepted: bool) -> None:
    schema.schemas()  # skips, with the reason, where Stripe's document is absent
    body = sandbox.http.post("/v1/payment_intents", data=PAID).json() | change
    if accepted:
        schema.conforms(body)
        return
    with pytest.raises(AssertionError):
        schema.conforms(body)


def test_a_missing_property_is_noticed(sandbox: Running) -> None:
    schema.schemas()
    body = sandbox.http.post("/v1/payment_intents", data=PAID).json()
    del body["livemode"]
    with pytest.raises(AssertionError, match="livemode"):
        schema.conforms(body)
