"""Payments in the currency of the reports, at the rates the org keeps; a rate that is missing is told, not guessed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.stage import drain, staged

FIELDS = (
    "Amount__c, Currency_Code__c, CurrencyIsoCode, Reporting_Amount__c, Reporting_Currency__c, Reporting_Rate__c, "
    "Reporting_Rate_Source__c, Reporting_Rate_At__c"
)


def today(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def cast(postgres_url: str) -> Iterator[Cast]:
    org = {"reporting_currency": "EUR", "rates": "salesforce_dated", "currencies_refresh_seconds": 1}
    dated = [["EUR", today(-1), "0.8"], ["JPY", today(-3), "160"], ["GBP", today(30), "0.5"]]
    with staged(postgres_url, org=org, currencies={"advanced": True, "dated": dated}) as cast:
        yield cast


def pay(cast: Cast, amount: int, currency: str) -> str:
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": currency,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    return str(intent.id)


def payment(cast: Cast, intent: str, **wanted: Any) -> Row:
    query = f"SELECT {FIELDS} FROM Payment__c WHERE Stripe_Id__c = '{intent}'"  # noqa: S608  (a test's own id)

    def look() -> Row | None:
        found = cast.salesforce.query(query)
        return found[0] if found and all(found[0][name] == value for name, value in wanted.items()) else None

    return cast.wait(f"{intent} as {wanted}", look)


def facts(cast: Cast) -> list[dict[str, Any]]:
    folder = cast.stack.folder
    environment = cast.stack.service_environment(config=folder / "counterfoil.yaml", ready=folder / "none.json")
    words = [sys.executable, "-m", "service", "facts", "--json"]
    told = json.loads(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)
    return [fact for fact in told["facts"] if fact["fact"] == "reporting_rate"]


def test_payments_are_shown_at_the_rate_of_their_day_and_follow_a_corrected_one(cast: Cast) -> None:
    intent, same = pay(cast, 12_345, "usd"), pay(cast, 500, "eur")
    drain(cast)
    told = payment(cast, intent)
    assert (told["Amount__c"], told["CurrencyIsoCode"]) == (Decimal("123.45"), "USD")
    # 123.45 * 0.8 = 98.76
    assert (told["Reporting_Amount__c"], told["Reporting_Currency__c"]) == (Decimal("98.76"), "EUR")
    assert (told["Reporting_Rate__c"], told["Reporting_Rate_Source__c"]) == (Decimal("0.8"), "Salesforce_Dated")
    assert told["Reporting_Rate_At__c"].startswith(today())
    assert payment(cast, same)["Reporting_Rate_Source__c"] == "Same_Currency"
    cast.control.post("/salesforce/currencies", dated=[["EUR", today(-1), "0.9"]])
    after = payment(cast, intent, Reporting_Rate__c=Decimal("0.9"))
    assert after["Reporting_Amount__c"] == Decimal("111.10")  # 111.105, half to even
    assert payment(cast, same)["Reporting_Amount__c"] == 5


def test_a_missing_rate_is_listed_and_filled_in_when_the_org_has_it(cast: Cast) -> None:
    cast.control.post("/salesforce/currencies", active=["USD", "EUR"])
    intent, yen = pay(cast, 1_000, "chf"), pay(cast, 16_000, "jpy")
    drain(cast)
    told = payment(cast, intent)
    assert {told[f"Reporting_{name}__c"] for name in ("Amount", "Currency", "Rate", "Rate_Source", "Rate_At")} == {None}
    assert told["CurrencyIsoCode"] == "USD"  # the user's: the org has no such currency
    [missing] = facts(cast)
    assert (missing["object"], missing["error"]) == (intent, "no rate from CHF to EUR (salesforce_dated)")
    assert payment(cast, yen, Reporting_Amount__c=80)["Reporting_Rate__c"] == Decimal("0.005")
    cast.control.post("/salesforce/currencies", add={"CHF": "0.5"})
    healed = payment(cast, intent, Reporting_Amount__c=16)
    assert healed["Reporting_Rate__c"] == Decimal("1.6")
    drain(cast)
    assert facts(cast) == []


@pytest.fixture
def single(postgres_url: str) -> Iterator[Cast]:
    org = {"reporting_currency": "EUR", "rates": "salesforce"}
    with staged(postgres_url, org=org, currencies={"multi": False}) as cast:
        yield cast


def test_an_org_with_one_currency_gets_no_currency_on_its_records(single: Cast) -> None:
    intent = pay(single, 12_345, "usd")
    drain(single)
    [told] = single.salesforce.query(f"SELECT FIELDS(ALL) FROM Payment__c WHERE Stripe_Id__c = '{intent}' LIMIT 1")  # noqa: S608  (a test's own id)
    assert "CurrencyIsoCode" not in told
    assert (told["Amount__c"], told["Reporting_Amount__c"]) == (Decimal("123.45"), None)
    assert [fact["object"] for fact in facts(single)] == [intent]
