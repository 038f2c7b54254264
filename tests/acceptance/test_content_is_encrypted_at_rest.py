"""Story: with a keyring nothing a customer said is to be read in the database, and its keys change beside the work."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from deploy.demo.cast import Cast
from deploy.demo.story import pay
from service.__main__ import app
from tests.acceptance.test_reactions_and_history import RULES
from tests.support.sealed import keyring, tables_with
from tests.support.stage import CLOSE_DATE, drain, link_of, new_account, saved_card, staged, until_status, won_and_paid

# Words of customers; one is in the name of an account, one in that of what is sold, one is told by Stripe.
ACCOUNT, SALE, NOTE = "Quibblewort Optics", "Zanzibarine lenses", "Morgenfrisk"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keyring(tmp_path_factory.mktemp("keys") / "keys.yaml", "one")


@pytest.fixture(scope="module")
def sealed(postgres_url: str, keys: Path) -> Iterator[Cast]:
    with staged(postgres_url, reactions=RULES, COUNTERFOIL_ENCRYPTION_KEYS_FILE=str(keys)) as cast:
        yield cast


def invoke(cast: Cast, keys: Path, *words: str) -> Result:
    environment = {
        "COUNTERFOIL_DATABASE_URL": str(cast.stack.database_url),
        "COUNTERFOIL_ENCRYPTION_KEYS_FILE": str(keys),
    }
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(CliRunner().invoke, app, words, env=environment).result()


def command(cast: Cast, keys: Path, *words: str) -> Any:
    done = invoke(cast, keys, "keys", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def keys_in_use(cast: Cast, keys: Path) -> set[str]:
    return {row["key"] for row in command(cast, keys, "list")["use"]}


def sale(cast: Cast, amount: float) -> str:
    fields = {"Name": SALE, "StageName": "Prospecting", "CloseDate": CLOSE_DATE, "CurrencyIsoCode": "USD"}
    return str(
        cast.salesforce.create("Opportunity", AccountId=new_account(cast, ACCOUNT), Amount=amount, **fields)["id"]
    )


def test_nothing_of_it_stands_in_any_table(sealed: Cast, keys: Path) -> None:
    record = sale(sealed, 120.0)
    after = won_and_paid(sealed, record)
    sealed.stripe.v1.customers.update(
        str(sealed.stripe.v1.payment_intents.retrieve(after["Stripe_Payment_Intent_Id__c"]).customer),
        {"description": NOTE, "email": f"{NOTE}@example.com"},
    )
    declined = sale(sealed, 80.0)
    account = str(sealed.salesforce.get("Opportunity", declined)["AccountId"])
    card = saved_card(sealed, account, "pm_card_chargeCustomerFail")
    sealed.salesforce.request_payment(declined, "off_session", Payment_Method_Id__c=card)
    until_status(sealed, declined, "Failed")
    drain(sealed)

    used = command(sealed, keys, "list")
    assert used["current"] == "one"
    assert {row["key"] for row in used["use"]} == {"one"}
    columns = {row["column"] for row in used["use"]}
    assert columns >= {
        "inbox.payload",
        "mirror.body",
        "outbox.content",
        "reactions.content",
        "commands.arguments",
        "commands.terms",
        "commands.failure_message",
        "calls.parameters",
    }
    assert tables_with(str(sealed.stack.database_url), ACCOUNT, SALE, NOTE, "Your card was declined") == set()
    assert not [word for word in (ACCOUNT, SALE, NOTE) if word in sealed.service.log.read_text(errors="replace")]


def test_a_key_is_replaced_beside_the_work_and_the_old_one_goes(sealed: Cast, keys: Path) -> None:
    record = sale(sealed, 60.0)
    keyring(keys, "one", "two")
    sealed.salesforce.win(record)  # the service works while its rows are sealed anew

    def only_the_new_one() -> bool:
        command(sealed, keys, "rotate")
        return keys_in_use(sealed, keys) == {"two"}

    sealed.wait("everything sealed with the new key", only_the_new_one, seconds=60)
    drain(sealed)
    command(sealed, keys, "rotate")
    assert keys_in_use(sealed, keys) == {"two"}
    assert command(sealed, keys, "rotate")["sealed"] == 0, "a second time there is nothing to do"
    keyring(keys, "two")
    assert won_and_paid(sealed, record)["Payment_Status__c"] == "Paid"
    assert keys_in_use(sealed, keys) == {"two"}


def test_a_key_taken_out_too_early_holds_its_records_alone_until_it_is_back(sealed: Cast, keys: Path) -> None:
    early = won_and_paid(sealed, sale(sealed, 40.0))
    keyring(keys, "three")
    intent = str(early["Stripe_Payment_Intent_Id__c"])
    sealed.stripe.v1.refunds.create({"payment_intent": intent, "amount": 500})

    def held() -> list[str]:
        fault = "SELECT fault FROM mirror WHERE fault LIKE 'PAYLOAD_UNREADABLE%'"
        with psycopg.connect(str(sealed.stack.database_url)) as connection:
            return [str(row[0]) for row in connection.execute(fault)]

    said = sealed.wait("the payment that is held", held)
    assert "key 'two', cannot be opened: that key is not in the keyring" in said[0]
    assert won_and_paid_alone(sealed, sale(sealed, 41.0)) == "Paid", "what needs no such key goes on"
    assert sealed.service.running
    assert {row["state"] for row in command(sealed, keys, "list")["use"] if row["key"] == "two"} == {"missing"}

    keyring(keys, "two", "three")
    config = str(sealed.stack.folder / "counterfoil.yaml")

    def told() -> bool:
        words = ["redrive", "--error", "PAYLOAD_UNREADABLE", "--config", config]
        done = invoke(sealed, keys, "failures", *words)
        assert done.exit_code == 0, done.output
        status = sealed.salesforce.get("Opportunity", early["Id"])["Payment_Status__c"]
        return not held() and status == "Partially_Refunded"

    sealed.wait("the refund on the record", told, seconds=60)
    drain(sealed)
    command(sealed, keys, "rotate")
    assert keys_in_use(sealed, keys) == {"three"}


def won_and_paid_alone(cast: Cast, record: str) -> str:
    """Win and pay, while something else cannot be done."""
    cast.salesforce.win(record)
    pay(link_of(cast, record))
    return str(until_status(cast, record, "Paid")["Payment_Status__c"])
