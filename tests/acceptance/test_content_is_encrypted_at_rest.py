"""Story: with a keyring nothing a customer said is to be read in the database, and its keys change beside the work."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.demo.cast import Cast
from service.__main__ import app
from tests.acceptance.test_reactions_and_history import RULES
from tests.support.sealed import keyring, tables_with
from tests.support.stage import CLOSE_DATE, drain, new_account, saved_card, staged, until_status, won_and_paid

# Words of customers; one is in the name of an account, one in that of what is sold, one is told by Stripe.
ACCOUNT, SALE, NOTE = "Quibblewort Optics", "Zanzibarine lenses", "Morgenfrisk"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keyring(tmp_path_factory.mktemp("keys") / "keys.yaml", "one")


@pytest.fixture(scope="module")
def sealed(postgres_url: str, keys: Path) -> Iterator[Cast]:
    with staged(postgres_url, reactions=RULES, COUNTERFOIL_ENCRYPTION_KEYS_FILE=str(keys)) as cast:
        yield cast


def command(cast: Cast, keys: Path, *words: str) -> Any:
    environment = {
        "COUNTERFOIL_DATABASE_URL": str(cast.stack.database_url),
        "COUNTERFOIL_ENCRYPTION_KEYS_FILE": str(keys),
    }
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(CliRunner().invoke, app, ["keys", *words, "--json"], env=environment).result()
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
