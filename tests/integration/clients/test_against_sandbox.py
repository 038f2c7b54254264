"""The clients against both vendors' stand-in, over TLS as Salesforce has it, and the stream with a real sign-in."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.clients import SalesforceApi, Session, StripeApi, format_soql
from service.clock import SystemClock
from service.config import Org, StripeAccount
from service.errors import PaymentDeclined, VendorDenied, VendorRejected, VendorUnavailable
from subscribers import CredentialsValue, PubSubFeed
from tests.support.sandbox import RunningSandbox

TOPIC = "/event/Payment_Request__e"


@pytest.fixture
def stripe_api(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[StripeApi]:
    told = sandbox.info["stripe"]
    (tmp_path / "key").write_text(told["secret_key"])
    secret = {"file": tmp_path / "key"}
    settings = {"livemode": False, "secret_key": secret, "webhook_secrets": [secret], "api_base": told["url"]}
    api = StripeApi("acme", StripeAccount.model_validate(settings), SystemClock())
    yield api
    api.close()


def org(sandbox: RunningSandbox, folder: Path, flow: str = "jwt_bearer", **changes: Any) -> Org:
    told = sandbox.info["salesforce"]
    (folder / "secret").write_text(told["client_secret"])
    auth = {"flow": flow, "client_id": told["client_id"]} | (
        {"username": told["username"], "private_key": {"file": told["jwt_key_file"]}}
        if flow == "jwt_bearer"
        else {"client_secret": {"file": folder / "secret"}}
    )
    return Org.model_validate(
        {
            "org_id": told["org_id"],
            "is_sandbox": told["is_sandbox"],
            "login_url": told["url"],
            "auth": auth,
            "ca_file": told["ca_file"],
            "pubsub": {"endpoint": sandbox.info["pubsub"]["endpoint"], "topics": [TOPIC]},
            **changes,
        }
    )


@pytest.fixture
def salesforce_api(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[SalesforceApi]:
    api = SalesforceApi("main", org(sandbox, tmp_path), SystemClock())
    yield api
    api.close()


def payment(**changes: Any) -> dict[str, Any]:
    automatic = {"enabled": True, "allow_redirects": "never"}
    base = {"amount": 5000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    return base | {"automatic_payment_methods": automatic} | changes


async def test_stripe_a_payment_is_made_once_for_a_key(stripe_api: StripeApi) -> None:
    key = str(uuid4())
    first = await stripe_api.create("payment_intent", payment(), idempotency_key=key)
    again = await stripe_api.create("payment_intent", payment(), idempotency_key=key)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.body == again.body
    assert first.body["status"] == "succeeded"
    with pytest.raises(VendorRejected) as caught:
        await stripe_api.create("payment_intent", payment(amount=1), idempotency_key=key)
    assert caught.value.reason == "STRIPE_IDEMPOTENCY_MISMATCH"
    charge = await stripe_api.retrieve("charge", first.body["latest_charge"], expand=["payment_intent"])
    assert charge.body["payment_intent"]["id"] == first.body["id"]
    found = await stripe_api.list("charge", {"payment_intent": first.body["id"]}, limit=10)
    assert [one.body["id"] for one in found] == [charge.body["id"]]


async def test_stripe_a_decline_is_an_outcome_with_the_payment_in_it(stripe_api: StripeApi) -> None:
    with pytest.raises(PaymentDeclined) as caught:
        await stripe_api.create(
            "payment_intent", payment(payment_method="pm_card_chargeDeclined"), idempotency_key=str(uuid4())
        )
    assert caught.value.code == "card_declined"
    assert caught.value.payment_intent is not None
    assert caught.value.payment_intent["status"] == "requires_payment_method"


async def test_stripe_a_lost_answer_is_found_again_under_the_same_key(
    stripe_api: StripeApi, sandbox: RunningSandbox
) -> None:
    fault = {"method": "POST", "path": "/v1/payment_intents", "fault": "disconnect", "times": 1, "after_effect": True}
    sandbox.control("POST", "/stripe/faults", fault)
    key = str(uuid4())
    with pytest.raises(VendorUnavailable):
        await stripe_api.create("payment_intent", payment(), idempotency_key=key)
    assert (await stripe_api.create("payment_intent", payment(), idempotency_key=key)).replayed


async def test_stripe_account_and_missing_objects(stripe_api: StripeApi, sandbox: RunningSandbox) -> None:
    assert (await stripe_api.account())["id"] == sandbox.info["stripe"]["account"]
    with pytest.raises(VendorRejected) as caught:
        await stripe_api.retrieve("payment_intent", "pi_missing")
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize("flow", ["jwt_bearer", "client_credentials"])
@pytest.mark.parametrize("login", ["url", "http_url"])
async def test_salesforce_signs_in(sandbox: RunningSandbox, tmp_path: Path, flow: str, login: str) -> None:
    api = SalesforceApi(
        "main", org(sandbox, tmp_path, flow, login_url=sandbox.info["salesforce"][login]), SystemClock()
    )
    found = await api.organization()
    assert (found["Id"], found["IsSandbox"]) == (sandbox.info["salesforce"]["org_id"], True)
    assert api.usage is not None
    assert 0 < api.usage[0] < api.usage[1]


async def test_salesforce_refuses_a_stranger(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = org(sandbox, tmp_path, "client_credentials")
    (tmp_path / "secret").write_text("wrong")
    with pytest.raises(VendorDenied) as caught:
        await SalesforceApi("main", settings, SystemClock()).session()
    assert "wrong" not in str(caught.value)


async def test_salesforce_without_its_authority_is_not_trusted(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with pytest.raises(VendorUnavailable, match="SSLError"):
        await SalesforceApi("main", org(sandbox, tmp_path, ca_file=None), SystemClock()).session()


async def test_salesforce_upserts_each_record_for_itself(salesforce_api: SalesforceApi) -> None:
    key = f"pi_{uuid4().hex}"
    good = {"Stripe_Id__c": key, "Amount__c": Decimal("12.345"), "Currency_Code__c": "KWD", "Status__c": "Paid"}
    bad = {"Stripe_Id__c": f"{key}b", "No_Such_Field__c": 1}
    orphan = {"Stripe_Id__c": f"{key}c", "Opportunity__c": "006000000000000AAA"}
    first = await salesforce_api.upsert("Payment__c", "Stripe_Id__c", [good, bad, orphan])
    assert [(one.success, one.created) for one in first] == [(True, True), (False, False), (False, False)]
    assert [one.error.retryable for one in first if one.error] == [False, False]
    (second,) = await salesforce_api.upsert("Payment__c", "Stripe_Id__c", [good])
    assert (second.success, second.created, second.id) == (True, False, first[0].id)
    child = {"Stripe_Id__c": f"{key}d", "Payment__r": {"Stripe_Id__c": "pi_missing"}}
    (orphaned,) = await salesforce_api.upsert("Charge__c", "Stripe_Id__c", [child])
    assert orphaned.error is not None
    assert orphaned.error.reason == "SALESFORCE_NOT_FOUND"
    soql = format_soql("SELECT Id, Amount__c, Paid_At__c FROM Payment__c WHERE Stripe_Id__c = {}", key)
    (row,) = await salesforce_api.query(soql)
    assert (row["Id"], row["Amount__c"], row["Paid_At__c"]) == (first[0].id, Decimal("12.345"), None)
    assert isinstance(row["Amount__c"], Decimal)


async def test_salesforce_updates_and_describes(salesforce_api: SalesforceApi) -> None:
    rows = await salesforce_api.query("SELECT Id FROM Opportunity LIMIT 2")
    (done,) = await salesforce_api.update("Opportunity", [{"id": rows[0]["Id"], "Payment_Status__c": "Paid"}])
    assert done.success
    assert {"Payment_Status__c", "Amount_Paid__c"} <= {
        one["name"] for one in (await salesforce_api.describe("Opportunity") or {})["fields"]
    }
    assert await salesforce_api.describe("Nothing__c") is None


async def test_salesforce_locks_pass_and_an_expired_token_is_not_seen(
    salesforce_api: SalesforceApi, sandbox: RunningSandbox
) -> None:
    record = {"Stripe_Id__c": f"pi_{uuid4().hex}", "Amount__c": Decimal(1)}
    first = await salesforce_api.session()
    sandbox.control("POST", "/salesforce/faults", {"fault": "expired_token", "times": 1})
    (stored,) = await salesforce_api.upsert("Payment__c", "Stripe_Id__c", [record])
    assert stored.success
    assert await salesforce_api.session() != first
    sandbox.control("POST", "/salesforce/faults", {"fault": "row_lock", "times": 1, "sobject": "Payment__c"})
    (locked,) = await salesforce_api.upsert("Payment__c", "Stripe_Id__c", [record])
    assert locked.error is not None
    assert (locked.error.reason, locked.error.retryable) == ("SALESFORCE_LOCKED", True)


async def test_a_platform_event_reaches_the_feed_with_the_shared_sign_in(
    salesforce_api: SalesforceApi, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    async def credentials(refused: CredentialsValue | None) -> CredentialsValue:
        old = Session(refused.access_token, refused.instance_url, refused.tenant_id) if refused else None
        session = await salesforce_api.session(refresh_after=old)
        return CredentialsValue(session.access_token, session.instance_url, session.org_id)

    (opportunity,) = await salesforce_api.query("SELECT Id FROM Opportunity WHERE IsClosed = false LIMIT 1")
    change = {"id": opportunity["Id"], "StageName": "Closed Won"}
    (won,) = await salesforce_api.update("Opportunity", [change])
    assert won.success
    feed = PubSubFeed("main", org(sandbox, tmp_path), credentials)
    async with asyncio.timeout(20), aclosing(feed.batches(TOPIC, None)) as batches:
        payloads = [event.payload for event in (await anext(batches)).events]
    await feed.close()
    assert any(isinstance(one, dict) and one["Record_Id__c"] == opportunity["Id"] for one in payloads)
