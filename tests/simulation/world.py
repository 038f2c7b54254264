"""The world a simulation happens in: both vendors, one or more service processes, and people who sell and pay.

Everything is started as a user would start it and reached over its real sockets. What was asked of the world is written
down, so that the audit can tell afterwards what must have come of it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import stripe
from psycopg.rows import dict_row

from deploy.demo.outside import Control, Salesforce
from deploy.demo.stack import Process, Stack

CARD, DECLINED_CARD = "pm_card_visa", "pm_card_chargeCustomerFail"
# Small numbers, so that what a dead process held is free again after a second.
ENVIRONMENT = {
    "COUNTERFOIL_WORKER_HEARTBEAT_SECONDS": "0.3",
    "COUNTERFOIL_WORKER_STALLED_SECONDS": "1",
    "COUNTERFOIL_LEASE_SECONDS": "1",
    "COUNTERFOIL_POLL_SECONDS": "0.2",
    "COUNTERFOIL_LOG_LEVEL": "warning",
}
_FOUND = 303
_PAUSE_SECONDS = 0.005
_T = TypeVar("_T")


def wait_for(what: str, look: Callable[[], _T], seconds: float = 30) -> _T:
    """Return the first true thing `look` finds; fail the test when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(_PAUSE_SECONDS)  # between two looks
    return found


def rows_of(url: str, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


@dataclass
class Action:
    """One payment asked for, and what the world did about it."""

    record_id: str
    account_id: str
    method: str
    amount: Decimal
    currency: str
    declines: bool = False
    events: list[str] = field(default_factory=list)
    paid: bool = False
    sobject: str = "Opportunity"


class _Stack(Stack):
    def configuration(self) -> dict[str, Any]:
        content = super().configuration()
        content["orgs"]["main"]["pubsub"]["silence_seconds"] = 3
        return content


@dataclass
class World:
    """The running parts, and what was asked of them."""

    stack: Stack
    salesforce: Salesforce
    control: Control
    stripe: stripe.StripeClient
    database_url: str
    actions: list[Action] = field(default_factory=list)

    @property
    def service(self) -> Process:
        """The process started last."""
        return self.stack.services[-1]

    def account(self, card: str | None) -> str:
        """Create a customer's account in Salesforce; with a card, its customer exists in Stripe already."""
        account = str(self.salesforce.create("Account", Name=f"Buyer {len(self.actions)}")["id"])
        if card is not None:
            customer = self.stripe.v1.customers.create({"name": "Buyer"})
            self.stripe.v1.payment_methods.attach(card, {"customer": customer.id})
            self.salesforce.change("Account", account, Stripe_Customer_Id__c=customer.id)
        return account

    def sell(self, method: str, *, amount: str = "120.50", currency: str = "USD", card: str = CARD) -> Action:
        """Create an opportunity that is to be paid by `method`; nothing is asked for yet."""
        account = self.account(card if method == "off_session" else None)
        fields = {"Name": "A sale", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
        record = self.salesforce.create("Opportunity", **fields, Amount=float(amount), CurrencyIsoCode=currency)
        action = Action(
            str(record["id"]),
            account,
            method,
            Decimal(amount),
            currency,
            method == "off_session" and card == DECLINED_CARD,
        )
        self.actions.append(action)
        return action

    def order(self) -> Action:
        """Create a draft order of a customer with a saved card."""
        account = self.account(CARD)
        soql = "SELECT Id, Pricebook2Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' LIMIT 1"
        [entry] = self.salesforce.query(soql)
        fields = {"AccountId": account, "Status": "Draft", "EffectiveDate": "2026-12-31", "CurrencyIsoCode": "USD"}
        record = str(self.salesforce.create("Order", Pricebook2Id=entry["Pricebook2Id"], **fields)["id"])
        line = {"PricebookEntryId": entry["Id"], "Quantity": 1, "UnitPrice": 120.5}
        self.salesforce.create("OrderItem", OrderId=record, **line)
        action = Action(record, account, "off_session", Decimal("120.50"), "USD", sobject="Order")
        self.actions.append(action)
        return action

    def turn(self, action: Action) -> None:
        """Win the opportunity, or activate the order."""
        field = {"Opportunity": {"StageName": "Closed Won"}, "Order": {"Status": "Activated"}}[action.sobject]
        self.salesforce.change(action.sobject, action.record_id, **field)

    def ask(self, action: Action) -> None:
        """Publish the request; asked again, it is the same business action."""
        action.events.append(self.salesforce.request_payment(action.record_id, action.method))

    def pay(self, action: Action, *, seconds: float = 30) -> None:
        """Pay on the page whose link is on the record."""

        def link() -> Any:
            shown = self.salesforce.get(action.sobject, action.record_id)
            return shown["Payment_Link_Url__c"]

        try:
            found = wait_for(f"the payment link of {action.record_id}", link, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.left()}") from None
        answer = httpx.post(str(found), data={"payment_method": CARD}, trust_env=False, timeout=30)
        assert answer.status_code == _FOUND, answer.text
        action.paid = True

    def left(self) -> str:
        """Return what is left to do, and what the service says of it, for a person."""
        queries = (
            "SELECT state, reason, message, count(*) FROM commands GROUP BY 1, 2, 3",
            "SELECT * FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",
            "SELECT id, last_heartbeat, now() FROM procrastinate_workers",
            "SELECT * FROM streams",
            "SELECT sobject, state, count(*) FROM outbox GROUP BY 1, 2",
        )
        rows = [row for query in queries for row in rows_of(self.database_url, query)]
        return "\n".join(map(str, [*rows, self.service.log.read_text()[-2000:]]))

    def strike(self, vendor: str, **fault: Any) -> None:
        """Let a vendor misbehave."""
        self.control.post(f"/{vendor}", **fault)

    def calm(self) -> None:
        """Let every vendor behave from now on."""
        for path in ("/stripe/faults", "/stripe/webhook-faults", "/salesforce/faults", "/pubsub/faults"):
            self.control.clear(path)

    def struck(self, path: str) -> bool:
        """Tell whether every fault below a path has happened."""
        return not self.control.get(path)["faults"]


@contextmanager
def running_world(folder: Path, database_url: str, **settings: Any) -> Iterator[World]:
    """Start the vendors; the caller starts the service. `settings` are those of a Stack."""
    with _Stack(folder, environment=dict(ENVIRONMENT), database_url=database_url, **settings) as stack:
        facts = stack.start_sandbox()
        salesforce, control = Salesforce(facts["salesforce"]), Control(facts["control"]["url"])
        control.post("/stripe/settings", webhook_retry_schedule_ms=[100, 200, 400, *[500] * 200])
        control.post("/pubsub/settings", keepalive_ms=1000)
        try:
            yield World(stack, salesforce, control, stack.stripe(), database_url)
        finally:
            salesforce.close()
            control.close()
