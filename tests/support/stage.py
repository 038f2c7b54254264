"""The whole product for a story: sandbox and service as processes, and the clients with which a user sees them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from deploy.demo.cast import Cast, gathered
from deploy.demo.outside import Control, Row, wait_for
from deploy.demo.screen import Screen
from deploy.demo.stack import Stack
from deploy.demo.story import pay
from tests.support.postgres import drop_database, fresh_database, short_folder

# What must be empty when nothing is left to do; a fact that is due in an hour is not work of now.
_WORK = """
    SELECT (SELECT count(*) FROM inbox WHERE state = 'recorded')
         + (SELECT count(*) FROM mirror WHERE dirty OR fetch_at < %(soon)s)
         + (SELECT count(*) FROM notes) + (SELECT count(*) FROM links WHERE state = 'asked')
         + (SELECT count(*) FROM outbox WHERE state = 'waiting')
         + (SELECT count(*) FROM reactions WHERE state = 'waiting')
         + (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))
"""
_SOON = timedelta(minutes=10)
CLOSE_DATE = "2026-12-31"


@contextmanager
def staged(
    postgres_url: str,
    *,
    reactions: Sequence[dict[str, Any]] = (),
    org: dict[str, Any] | None = None,
    currencies: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
    topics: Sequence[str] = (),
    **environment: str,
) -> Iterator[Cast]:
    """Give a running stack with a database of its own.

    `reactions`, `topics` and `org` are settings of its org, `terms` of its entity, `currencies` what the org's
    administrator changes before the service starts; `environment` goes to the service.
    """
    url = fresh_database(postgres_url)
    try:
        with (
            short_folder() as folder,
            Stack(
                folder,
                database_url=url,
                environment=environment,
                reactions=reactions,
                org=org or {},
                terms=terms or {},
                topics=topics,
            ) as stack,
        ):
            stack.start_sandbox()
            if currencies is not None:
                with closing(Control(stack.info["control"]["url"])) as control:
                    control.post("/salesforce/currencies", **currencies)
            service = stack.start_service()
            with gathered(stack, service, Screen(plain=True, chapters=1)) as cast:
                yield cast
    finally:
        drop_database(postgres_url, url)


def _count(cast: Cast, query: str, **values: object) -> int:
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        row = connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return int(row[0])


def drain(cast: Cast, *, seconds: float = 30) -> None:
    """Return when Stripe has nothing more to tell and the service nothing more to do; then assertions may begin."""

    def idle() -> bool:
        told = cast.control.post("/stripe/webhooks/flush")["idle"]
        return bool(told) and _count(cast, _WORK, soon=datetime.now(UTC) + _SOON) == 0

    cast.wait("the end of all work", lambda: idle() and idle(), seconds=seconds)


def taken_in(cast: Cast, event_id: str) -> None:
    """Return when the service has stored a Salesforce event: it arrives by itself, so only its row can tell."""
    query = "SELECT count(*) FROM inbox WHERE event_id = %(event_id)s"
    cast.wait("a Salesforce event in the inbox", lambda: _count(cast, query, event_id=event_id))


def dead_letters(cast: Cast) -> int:
    """Return how many records the service gave up to deliver."""
    return _count(cast, "SELECT count(*) FROM outbox WHERE state = 'dead'")


def new_account(cast: Cast, name: str = "Fenwick Optics") -> str:
    """Create an Account; return its id."""
    return str(cast.salesforce.create("Account", Name=name)["id"])


def new_opportunity(cast: Cast, amount: str, currency: str, *, account: str | None = None) -> str:
    """Create an open Opportunity, of a new Account if none is given; return its id."""
    fields = {"Name": f"{amount} {currency}", "StageName": "Prospecting", "CloseDate": CLOSE_DATE}
    made = cast.salesforce.create(
        "Opportunity",
        AccountId=account or new_account(cast),
        Amount=float(Decimal(amount)),  # JSON has one kind of number; the org keeps what was written
        CurrencyIsoCode=currency,
        **fields,
    )
    return str(made["id"])


def saved_card(cast: Cast, account: str, card: str) -> str:
    """Give an Account a customer in Stripe with a saved card; return the payment method's id."""
    customer = cast.stripe.v1.customers.create({"metadata": {"kind": "existing"}}).id
    cast.salesforce.change("Account", account, Stripe_Customer_Id__c=customer)
    return cast.stripe.v1.payment_methods.attach(card, {"customer": customer}).id


def opportunity(cast: Cast, record: str) -> Row:
    """Return an Opportunity."""
    return cast.salesforce.get("Opportunity", record)


def link_of(cast: Cast, record: str) -> str:
    """Return the payment link as soon as it is on an Opportunity."""
    return str(cast.wait("the payment link", lambda: opportunity(cast, record)["Payment_Link_Url__c"]))


def until_status(cast: Cast, record: str, status: str, sobject: str = "Opportunity") -> Row:
    """Return an Opportunity or Order as soon as its payment has a status."""

    def look() -> Row | None:
        row = cast.salesforce.get(sobject, record)
        return row if row["Payment_Status__c"] == status else None

    return cast.wait(f"{sobject} {record} as {status}", look)


def won_and_paid(cast: Cast, record: str) -> Row:
    """Win an Opportunity, pay its page, and return it when nothing is left to do."""
    cast.salesforce.win(record)
    pay(link_of(cast, record))
    until_status(cast, record, "Paid")
    drain(cast)
    return opportunity(cast, record)


def intents_of(cast: Cast, record: str) -> list[str]:
    """Return the ids of the PaymentIntents that Stripe has for a record."""
    listed = cast.stripe.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
    bodies = [intent.to_dict(for_json=True) for intent in listed]
    return [str(body["id"]) for body in bodies if body["metadata"].get("salesforce_record_id") == record]


def next_second() -> None:
    """Return in another second than now: Salesforce stamps records with whole seconds."""
    now = int(time.time())
    wait_for("the next second", lambda: int(time.time()) > now, seconds=2)
