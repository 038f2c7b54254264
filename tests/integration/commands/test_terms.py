"""Terms read from an org over a real socket, under the org's own names."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.clients import SalesforceApi
from service.clock import SystemClock
from service.commands import TermsReader, terms_fields
from service.config import ObjectMapping, Org
from service.errors import Refused
from tests.support.scripted_vendor import Reply, Request, Vendor, vendor

ORG_ID = "00D000000000001EAA"
RECORD = "006000000000001AAA"
ROW = {
    "Id": RECORD,
    "Name": "Tables",
    "Amount": 12.34,
    "IsClosed": True,
    "IsWon": True,
    "AccountId": "001000000000001AAA",
    "CurrencyIsoCode": "EUR",
}


class OneOpportunity:
    """An org with one Opportunity; remembers the queries for it."""

    def __init__(self, it: Vendor) -> None:
        self.url = it.url
        self.row: dict[str, Any] = dict(ROW)
        self.account: dict[str, Any] = {"Name": "Acme"}
        self.queries: list[str] = []
        it.answer = self.answer

    def answer(self, request: Request) -> Reply:
        query = request.query.get("q", [""])[0]
        if request.path == "/services/oauth2/token":
            return Reply({"access_token": "t", "instance_url": self.url, "id": f"/id/{ORG_ID}/005"})
        if "FROM Organization" in query:
            return Reply({"totalSize": 1, "done": True, "records": [{"IsSandbox": True}]})
        if request.path.endswith("/describe"):
            return Reply({"fields": [{"name": "CurrencyIsoCode"}]})
        self.queries.append(query)
        return Reply({"totalSize": 1, "done": True, "records": [{**self.row, "Account": self.account}]})


@pytest.fixture
async def server() -> AsyncIterator[OneOpportunity]:
    async with vendor(lambda _: Reply()) as it:
        yield OneOpportunity(it)


def reader(server: OneOpportunity, folder: Path, names: Mapping[str, ObjectMapping]) -> TermsReader:
    (folder / "secret").write_text("s3cret")
    auth = {"flow": "client_credentials", "client_id": "c", "client_secret": {"file": folder / "secret"}}
    org = Org.model_validate({"org_id": ORG_ID, "is_sandbox": True, "login_url": server.url, "auth": auth})
    return TermsReader(SalesforceApi("main", org, SystemClock()), org, names)


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        ({}, "Account.Stripe_Customer_Id__c", "cus_ours"),
        (
            {"Account": ObjectMapping(fields={"Stripe_Customer_Id__c": "Customer__c"})},
            "Account.Customer__c",
            "cus_theirs",
        ),
        ({"Account": ObjectMapping(fields={"Stripe_Customer_Id__c": None})}, "Account.Name", None),
    ],
)
async def test_the_customer_is_read_where_the_org_keeps_it(
    server: OneOpportunity, tmp_path: Path, names: Mapping[str, ObjectMapping], asked: str, found: str | None
) -> None:
    server.account |= {"Stripe_Customer_Id__c": "cus_ours", "Customer__c": "cus_theirs"}
    terms = await reader(server, tmp_path, names).read(RECORD)
    assert terms.customer_id == found
    assert (terms.amount_minor, terms.currency, terms.account_name) == (1234, "eur", "Acme")
    (query,) = server.queries
    columns = query.removeprefix("SELECT ").split(" FROM ")[0].split(", ")
    assert asked in columns
    assert columns == [*terms_fields(names)["Opportunity"], "CurrencyIsoCode"]
    assert len([column for column in columns if column.startswith("Account.")]) == (1 if found is None else 2)


async def test_an_opportunity_that_was_lost_is_not_paid(server: OneOpportunity, tmp_path: Path) -> None:
    server.row["IsWon"] = False
    with pytest.raises(Refused) as caught:
        await reader(server, tmp_path, {}).read(RECORD)
    assert caught.value.reason == "RECORD_NOT_PAYABLE"
