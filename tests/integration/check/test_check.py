"""`counterfoil check` against both vendors' stand-in: all is well, and every way in which it may not be."""

from collections.abc import Callable
from typing import Any

import pytest

from service.commands import CREATED_TYPES
from service.maintenance import Outcome
from tests.integration.check.conftest import Bench, Report
from tests.support.postgres import drop_database, empty_database
from tests.support.sandbox import RunningSandbox
from tests.support.scripted_vendor import Reply, Request, vendor

CLOSED = "127.0.0.1:1"


async def test_all_is_well_and_nothing_was_changed(bench: Bench) -> None:
    before = len(bench.sandbox.control("GET", "/stripe/requests")["requests"])
    report = await bench.check()
    assert {one.outcome for one in report.findings} == {Outcome.OK}
    assert {
        "database migrations",
        "entities.acme.stripe account",
        "entities.acme.stripe write payment_intent",
        "entities.acme.stripe read balance_transaction",
        "orgs.main sign-in",
        "orgs.main write Payment__c",
        "orgs.main write Opportunity",
        "orgs.main read Order",
        "orgs.main read Payment_Request__e",
        "orgs.main subscribe /event/Payment_Request__e",
    } <= report.well
    asked = bench.sandbox.control("GET", "/stripe/requests")["requests"][before:]
    writes = [one for one in asked if one["method"] != "GET"]
    assert [one["status"] for one in writes] == [400] * len(CREATED_TYPES)
    assert not any(one["executed"] for one in writes)
    org_writes = bench.sandbox.control("GET", "/salesforce/requests")["requests"]
    assert not [one for one in org_writes if one["method"] != "GET" and "oauth2" not in one["path"]]


async def test_offline_asks_nobody(bench: Bench) -> None:
    bench.stripe["api_base"] = f"http://{CLOSED}"
    bench.org["login_url"] = f"https://{CLOSED}"
    report = await bench.check(offline=True, database_url=f"postgresql://nobody@{CLOSED}/none")
    assert not report.faults
    assert not {one.check for one in report.findings} & {"account", "sign-in", "migrations"}


async def test_every_difference_of_the_org_is_told(
    make: Callable[[RunningSandbox], Bench], bad_org: RunningSandbox
) -> None:
    bench = make(bad_org)
    faults = (await bench.check()).faults
    missing = "does not exist, or the user cannot see it"
    lacks = "lacks the values Disputed"
    assert faults == {
        "orgs.main write Balance_Transaction__c": missing,
        "orgs.main write Payment__c.Fee__c": missing,
        "orgs.main write Payment__c.Failure_Message__c": "holds 100 characters: 255 may come",
        "orgs.main write Payment__c.Amount__c": "has 2 decimals: 3 are needed",
        "orgs.main write Charge__c.Stripe_Id__c": "is not unique",
        "orgs.main write Order.Amount_Paid__c": "has 0 decimals: 3 are needed",
        "orgs.main write Order.Payment_Link_Url__c": "holds 1000 characters: 5000 may come",
        "orgs.main write Account.Stripe_Customer_Id__c": missing,
        "orgs.main read Opportunity": "the user cannot see Account.Stripe_Customer_Id__c",
        "orgs.main read Order": "the user cannot see Account.Stripe_Customer_Id__c",
        **{
            f"orgs.main write {place}": lacks
            for place in (
                "Payment__c.Status__c",
                "Charge__c.Status__c",
                "Opportunity.Payment_Status__c",
                "Order.Payment_Status__c",
                "Payment_Status_Change__c.From__c",
                "Payment_Status_Change__c.To__c",
                "Payout__c.Status__c",
                "Refund__c.Status__c",
            )
        },
    }


async def test_each_entity_has_its_own_field_for_customers(bench: Bench) -> None:
    bench.document["entities"]["acme"]["customer_field"] = "Stripe_Customer_Acme__c"
    bench.document["mappings"] = {"main": {"Account": {"fields": {"Stripe_Customer_Acme__c": "AccountNumber"}}}}
    faults = (await bench.check()).faults
    assert faults == {
        "orgs.main write Account.AccountNumber": "holds 40 characters: 255 may come",
        "orgs.main write Contact.Stripe_Customer_Acme__c": "does not exist, or the user cannot see it",
    }
    bench.document["mappings"] = {"main": {"Account": {"fields": {"Stripe_Customer_Id__c": "AccountNumber"}}}}
    assert (await bench.check(offline=True)).faults == {
        "mappings.main.Account.fields.Stripe_Customer_Id__c mapping": "Stripe_Customer_Id__c is no field of our Account"
    }
    bench.document["mappings"] = {}
    missing = "the user cannot see Account.Stripe_Customer_Acme__c"
    faults = (await bench.check()).faults
    assert faults["orgs.main read Opportunity"] == missing
    assert "orgs.main write Account.Stripe_Customer_Id__c" not in faults


async def test_what_is_mapped_away_is_not_asked_for(
    make: Callable[[RunningSandbox], Bench], bad_org: RunningSandbox
) -> None:
    bench = make(bad_org)
    bench.document["mappings"] = {
        "main": {
            "Payment__c": {"fields": {"Fee__c": None, "Amount__c": "Net__c"}},
            "Account": {"fields": {"Stripe_Customer_Id__c": None}},
            "Balance_Transaction__c": {"object": "Charge__c", "fields": {"Stripe_Id__c": None}},
        }
    }
    faults = (await bench.check()).faults
    gone = {"write Payment__c.Fee__c", "write Payment__c.Amount__c", "write Account.Stripe_Customer_Id__c"}
    assert not {f"orgs.main {check}" for check in gone | {"read Opportunity", "read Order"}} & set(faults)
    assert "is mapped to null" in faults["orgs.main write Charge__c.Stripe_Id__c"]


async def test_what_new_records_need_and_nobody_writes_is_noted(
    make: Callable[[RunningSandbox], Bench], strict_org: RunningSandbox
) -> None:
    bench = make(strict_org)
    report = await bench.check()
    assert not report.faults
    noted = {one.check: one.detail for one in report.findings if one.outcome is Outcome.NOTE}
    lacking = {"read Payment_Request__e": "has no Reason__c"}
    assert noted == {"write Refund__c.Approval__c": "is required of new records, and not written", **lacking}
    bench.document["mappings"] = {"main": {"Refund__c": {"extra": {"Approval__c": "'none'"}}}}
    findings = (await bench.check()).findings
    assert {one.check: one.detail for one in findings if one.outcome is not Outcome.OK} == lacking


async def test_a_mapping_of_a_name_that_is_not_ours_is_told(bench: Bench) -> None:
    bench.document["mappings"] = {"main": {"Paymnt__c": {}, "Charge__c": {"fields": {"Amout__c": "X__c"}}}}
    assert (await bench.check(offline=True)).faults == {
        "mappings.main.Paymnt__c mapping": "is no object of ours",
        "mappings.main.Charge__c.fields.Amout__c mapping": "Amout__c is no field of our Charge__c",
    }


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("org_id", "00D000000000009EAA", "is 00D000000000009EAA, but the credentials belong to"),
        ("is_sandbox", False, "is false, but the org is a sandbox"),
    ],
)
async def test_another_org_is_told_and_nothing_more_is_asked_of_it(
    bench: Bench, field: str, value: Any, fault: str
) -> None:
    bench.org[field] = value
    report = await bench.check()
    ((place, detail),) = report.faults.items()
    assert place == f"orgs.main.{field} is the configured org"
    assert detail.startswith(fault)
    assert not [one for one in report.findings if one.subject == "orgs.main" and one.check != "secrets"]


async def test_a_refused_sign_in_names_the_remedy(bench: Bench) -> None:
    bench.org["auth"]["username"] = "nobody@acme.test"
    report = await bench.check()
    assert "invalid_grant" in report.faults["orgs.main sign-in"]
    assert report.remedy("orgs.main sign-in")


async def test_a_wrong_key_is_told_without_showing_it(bench: Bench) -> None:
    bench.stripe["secret_key"] = bench.secret("key", "sk_test_thisisnotthekey")
    report = await bench.check()
    ((place, detail),) = report.faults.items()
    assert place == "entities.acme.stripe.secret_key account"
    assert "thisisnotthekey" not in str(report.findings)
    assert "refused the API key" in detail


async def test_the_key_of_another_account_is_told(bench: Bench) -> None:
    bench.stripe["account"] = "acct_other"
    ((place, detail),) = (await bench.check()).faults.items()
    assert place == "entities.acme.stripe.account account"
    assert bench.sandbox.info["stripe"]["account"] in detail


async def test_an_account_id_is_asked_for(bench: Bench) -> None:
    del bench.stripe["account"]
    report = await bench.check()
    (noted,) = [one for one in report.findings if one.outcome is Outcome.NOTE]
    assert bench.sandbox.info["stripe"]["account"] in noted.detail
    assert not report.faults


@pytest.mark.parametrize(
    ("method", "path", "permission", "check"),
    [
        ("POST", "/v1/checkout/sessions", "rak_checkout_session_write", "write checkout.session"),
        ("POST", "/v1/payment_intents", "rak_payment_intent_write", "write payment_intent"),
        ("POST", "/v1/refunds", "rak_charge_write", "write refund"),
        ("GET", "/v1/balance_transactions", "rak_balance_transaction_source_read", "read balance_transaction"),
        ("GET", "/v1/payment_methods", "rak_payment_method_read", "read payment_method"),
        ("GET", "/v1/invoices/in_counterfoil_check/lines", "rak_invoice_read", "read line_item"),
    ],
)
async def test_each_missing_permission_is_named(
    bench: Bench, method: str, path: str, permission: str, check: str
) -> None:
    message = (
        "The provided key 'rk_test_***abcdef' does not have the required permissions for this endpoint on account "
        f"'acct_1'. Having the '{permission}' permission would allow this request to continue."
    )
    fault = {"method": method, "path": path, "fault": "status", "status": 403, "message": message}
    bench.sandbox.control("POST", "/stripe/faults", fault)
    report = await bench.check()
    assert report.faults == {f"entities.acme.stripe {check}": f"the key lacks {permission}"}
    assert permission in report.remedy(f"entities.acme.stripe {check}")
    assert "abcdef" not in str(report.findings)


async def test_a_key_that_may_not_read_its_account_is_checked_on(bench: Bench) -> None:
    message = "Having the 'rak_accounts_kyc_basic_read' permission would allow this request to continue."
    fault = {"method": "GET", "path": "/v1/account", "fault": "status", "status": 403, "message": message, "times": 2}
    bench.sandbox.control("POST", "/stripe/faults", fault)
    report = await bench.check()
    assert list(report.faults) == ["entities.acme.stripe.account account"]
    assert "entities.acme.stripe write customer" in report.well
    del bench.stripe["account"]
    report = await bench.check()
    assert not report.faults
    assert "entities.acme.stripe account" not in report.well


async def test_objects_of_the_other_mode_are_told(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/v1/account":
            return Reply({"id": bench.stripe["account"], "object": "account"})
        if request.method == "POST":
            return Reply({"error": {"type": "invalid_request_error", "code": "parameter_unknown"}}, 400)
        item = {"id": "ch_1", "object": "charge", "livemode": True}
        return Reply({"object": "list", "data": [item], "has_more": False, "url": request.path})

    async with vendor(answer) as it:
        bench.stripe["api_base"] = it.url
        faults = (await bench.check()).faults
    assert "entities.acme.stripe.livemode read charge" in faults
    assert "ch_1 says otherwise" in faults["entities.acme.stripe.livemode read charge"]


async def test_a_vendor_that_takes_the_probe_is_told(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/v1/account":
            return Reply({"id": bench.stripe["account"], "object": "account"})
        if request.method == "POST":
            return Reply({"id": "made_1", "object": "customer"})
        return Reply({"object": "list", "data": [], "has_more": False, "url": request.path})

    async with vendor(answer) as it:
        bench.stripe["api_base"] = it.url
        faults = (await bench.check()).faults
    assert "made made_1" in faults["entities.acme.stripe write customer"]


async def test_live_and_test_do_not_mix(bench: Bench) -> None:
    bench.stripe["livemode"] = True
    bench.org["is_sandbox"] = False
    report = await bench.check(offline=True)
    assert report.faults == {"entities.acme.stripe.secret_key secrets": "is not a live key"}
    bench.org["is_sandbox"] = True
    (only,) = (await bench.check(offline=True)).faults.values()
    assert "joins live Stripe keys to a Salesforce sandbox" in only
    bench.org["is_sandbox"] = False
    report = await bench.check(offline=True, database_url=None, data_dir=bench.folder)
    assert "live keys need a database of your own" in report.faults["entities.acme.stripe.livemode database"]


async def test_what_will_be_refused_later_is_noted(bench: Bench) -> None:
    del bench.document["entities"]["acme"]["checkout"]
    bench.document["entities"]["other"] = {**bench.document["entities"]["acme"], "customer_field": "Other_Id__c"}
    bench.document["orgs"]["idle"] = bench.org
    report = await bench.check(offline=True)
    assert not report.faults
    noted = {one.subject: one.detail for one in report.findings if one.outcome is Outcome.NOTE}
    assert set(noted) == {"entities.acme.checkout", "entities.other.checkout", "orgs.main", "orgs.idle"}
    assert "serves 2 entities" in noted["orgs.main"]


async def test_vendors_that_do_not_answer_are_told_at_once(bench: Bench) -> None:
    bench.stripe["api_base"] = f"http://{CLOSED}"
    bench.org["login_url"] = f"https://{CLOSED}"
    report = await bench.check()
    assert set(report.faults) == {"entities.acme.stripe account", "orgs.main sign-in"}
    assert CLOSED in report.remedy("orgs.main sign-in")


async def test_the_stream_of_events_is_tried(bench: Bench) -> None:
    bench.org["pubsub"]["topics"] = ["/event/Payment_Request__e", "/event/Missing__e"]
    report = await bench.check()
    assert list(report.faults) == ["orgs.main subscribe /event/Missing__e"]
    bench.org["pubsub"] = {"endpoint": CLOSED}
    assert list((await bench.check()).faults) == ["orgs.main.pubsub subscribe /event/Payment_Request__e"]


async def test_the_stream_over_cometd_is_tried(bench: Bench) -> None:
    bench.org["stream"] = "cometd"
    bench.org["pubsub"] = {"endpoint": CLOSED, "topics": ["/event/Payment_Request__e", "/event/Missing__e"]}
    report = await bench.check()
    assert list(report.faults) == ["orgs.main subscribe /event/Missing__e"], "the Pub/Sub API is not asked"
    assert "orgs.main subscribe /event/Payment_Request__e" in report.well
    assert "Streaming API refused the topic" in report.faults["orgs.main subscribe /event/Missing__e"]
    bench.sandbox.control("POST", "/cometd/faults", {"fault": "status", "status": 503})
    bench.org["pubsub"]["topics"] = ["/event/Payment_Request__e"]
    assert list((await bench.check()).faults) == ["orgs.main.cometd subscribe /event/Payment_Request__e"]


async def test_missing_migrations_are_told(bench: Bench, postgres_url: str) -> None:
    url = empty_database(postgres_url)
    try:
        report = await bench.check(database_url=url)
        assert "lacks the migrations 0001, 0002" in report.faults["database migrations"]
        report = await bench.check(database_url=url, migrate_on_start=True)
        assert not report.faults
    finally:
        drop_database(postgres_url, url)


async def test_a_silent_database_is_told(bench: Bench) -> None:
    report = await bench.check(database_url=f"postgresql://counterfoil:hunter2@{CLOSED}/x")
    assert report.faults == {"COUNTERFOIL_DATABASE_URL database": "the database does not answer"}
    assert "hunter2" not in str(report.findings)


async def test_every_fault_of_the_settings_at_once(bench: Bench) -> None:
    bench.org["ca_file"] = str(bench.folder / "none.pem")
    bench.stripe["webhook_secrets"] = [bench.secret("webhook", "sk_test_1")]
    bench.document["entities"]["other"] = {
        "org": "main",
        "customer_field": "Other_Id__c",
        "stripe": {**bench.stripe, "secret_key": {"env": "COUNTERFOIL_TEST_UNSET"}},
    }
    report = await bench.check(offline=True, grpc_tls_cert_file="none.crt", grpc_tls_key_file="none.key")
    assert set(report.faults) == {
        "COUNTERFOIL_GRPC_TLS_CERT_FILE environment",
        "COUNTERFOIL_GRPC_TLS_KEY_FILE environment",
        "entities.acme.stripe.webhook_secrets.0 secrets",
        "entities.other.stripe.secret_key secrets",
        "orgs.main.ca_file secrets",
    }


@pytest.mark.parametrize("wrong", [{"web_port": 70000, "lease_seconds": 0}])
async def test_every_fault_of_the_environment_at_once(bench: Bench, wrong: dict[str, Any]) -> None:
    report: Report = await bench.check(offline=True, **wrong)
    assert set(report.faults) == {"COUNTERFOIL_WEB_PORT environment", "COUNTERFOIL_LEASE_SECONDS environment"}
