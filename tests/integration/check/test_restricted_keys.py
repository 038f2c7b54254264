"""Three Stripe keys with no more than each needs: the service's calls find theirs, the check names what lacks."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.clients import Purpose, StripeApi
from service.clock import SystemClock
from service.config import StripeAccount
from service.errors import VendorDenied
from service.maintenance import Outcome
from tests.integration.check.conftest import Bench
from tests.support.waiting import eventually

# As the README lists them.
WRITTEN = ("customer", "payment_intent", "checkout_session", "payment_link", "charge", "invoice", "credit_note")
COMMAND = [f"{name}_write" for name in WRITTEN]
READ = [
    f"{name}_read"
    for name in (
        *("balance_transaction_source", "charge", "checkout_session", "credit_note", "customer", "dispute"),
        *("event", "invoice", "payment_intent", "payment_link", "payment_method", "payout", "plan", "product"),
    )
]
SETUP = ["webhook_write"]
KEYS = {"secret_key": COMMAND, "read_key": READ, "setup_key": SETUP}


def restricted(bench: Bench, permissions: list[str]) -> str:
    names = [f"rak_{name}" for name in [*permissions, "accounts_kyc_basic_read"]]
    return str(bench.sandbox.control("POST", "/stripe/restricted-keys", {"permissions": names})["key"])


@pytest.fixture
def keyed(bench: Bench) -> Bench:
    for name, permissions in KEYS.items():
        bench.stripe[name] = bench.secret(name, restricted(bench, permissions))
    return bench


async def test_three_keys_with_what_the_readme_lists_are_enough(keyed: Bench) -> None:
    report = await keyed.check()
    assert {one.outcome for one in report.findings} == {Outcome.OK}
    assert {
        "entities.acme.stripe.read_key account",
        "entities.acme.stripe.setup_key account",
        "entities.acme.stripe write payment_intent",
        "entities.acme.stripe read balance_transaction",
        "entities.acme.stripe write webhook_endpoint",
    } <= report.well


@pytest.mark.parametrize(
    ("setting", "permission"),
    [
        ("secret_key", "charge_write"),
        ("read_key", "balance_transaction_source_read"),
        ("read_key", "invoice_read"),
        ("setup_key", "webhook_write"),
    ],
)
async def test_each_missing_permission_is_named_with_its_key(keyed: Bench, setting: str, permission: str) -> None:
    left = [one for one in KEYS[setting] if one != permission]
    keyed.stripe[setting] = keyed.secret(setting, restricted(keyed, left))
    report = await keyed.check()
    assert report.faults
    for place, detail in report.faults.items():
        assert detail.startswith(f"the {setting} lacks rak_{permission.rsplit('_', 1)[0]}_"), place
        assert setting in report.remedy(place)


async def test_keys_of_two_accounts_are_told(keyed: Bench) -> None:
    keyed.stripe["read_key"] = keyed.secret("read_key", "rk_test_nobodys")
    report = await keyed.check()
    assert "refused the API key" in report.faults["entities.acme.stripe.read_key account"]


@pytest.fixture
def api(keyed: Bench) -> Iterator[StripeApi]:
    settings: dict[str, Any] = {name: value for name, value in keyed.stripe.items() if name != "account"}
    made = StripeApi("acme", StripeAccount.model_validate(settings), SystemClock())
    yield made
    made.close()


async def test_each_call_goes_with_the_key_it_needs(keyed: Bench, api: StripeApi) -> None:
    made = await api.create("customer", {}, idempotency_key="three-keys")
    assert (await api.retrieve("customer", made.body["id"])).body["id"] == made.body["id"]
    assert await api.list("payout", {}, limit=1) == []
    assert await api.list("webhook_endpoint", {}, limit=1) == []
    for setting, call in {
        "secret_key": api.create("customer", {}, idempotency_key="no-key"),
        "read_key": api.list("payout", {}, limit=1),
        "setup_key": api.list("webhook_endpoint", {}, limit=1),
    }.items():
        keyed.sandbox.control("DELETE", "/stripe/restricted-keys", {"key": (keyed.folder / setting).read_text()})
        with pytest.raises(VendorDenied):
            await call


async def test_a_key_is_rotated_without_a_restart(keyed: Bench, api: StripeApi) -> None:
    path = keyed.folder / "read_key"
    old = path.read_text()
    path.write_text("pk_test_not_such_a_key")
    keyed.sandbox.control("DELETE", "/stripe/restricted-keys", {"key": old})
    new = restricted(keyed, READ)

    async def denied() -> bool:
        try:
            await api.list("payout", {}, limit=1)
        except VendorDenied:
            return True
        return False

    async def allowed() -> bool:
        return not await denied()

    assert await denied(), "the old key holds no more, and what is in the file is none"
    path.write_text(new)
    await eventually(allowed)
    assert api.own_keys == tuple(Purpose)
