"""Commands with both vendors' stand-ins behind them, and records with line items to be invoiced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stripe import StripeClient

from deploy.demo.outside import Salesforce
from service.clients import SalesforceApi, StripeApi
from service.commands import Command, Commands, CommandState, Request, Steps, TermsReader
from service.config import Entity, Installation, Org
from service.config.invoices import Invoices
from service.db import Database, Wakes
from tests.integration.api.stored import installation
from tests.support.delivery import ShiftedClock
from tests.support.sandbox import RunningSandbox

Line = tuple[str, str, dict[str, Any]]
"""Product code, quantity, and what else the line item says."""


@dataclass
class InvoiceDesk:
    """Commands without a worker: a test runs them itself."""

    sandbox: RunningSandbox
    stripe: StripeApi
    dashboard: StripeClient
    org: Salesforce
    commands: Commands
    clock: ShiftedClock
    card: str = "pm_card_visa"
    entries: dict[tuple[str, str], str] = field(default_factory=dict)

    async def make(self, object_type: str, **params: Any) -> str:
        """Make something in Stripe; return its id."""
        made = await self.stripe.create(object_type, params, idempotency_key=self.clock.new_id().hex)
        return str(made.body["id"])

    async def account(self) -> str:
        """Make an Account whose customer has a saved card, which is the one to charge."""
        customer = await self.make("customer", name="Fenwick")
        if self.card:
            self._saved(customer)
        return str(self.org.create("Account", Name="Fenwick", Stripe_Customer_Id__c=customer)["id"])

    def _saved(self, customer: str) -> None:
        client = self.dashboard.v1
        method = client.payment_methods.attach(self.card, {"customer": customer}, {"idempotency_key": customer})
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        client.customers.update(customer, settings, {"idempotency_key": f"{customer}-default"})

    async def opportunity(self, *lines: Line, currency: str = "USD", account: str | None = None, **fields: Any) -> str:
        """Make an Opportunity with line items, of an Account with a saved card if none is given."""
        made = self.org.create(
            "Opportunity",
            AccountId=account or await self.account(),
            Name="Brightwater",
            StageName="Prospecting",
            CloseDate="2026-12-31",
            CurrencyIsoCode=currency,
            **fields,
        )
        for code, quantity, more in lines:
            entry = {"PricebookEntryId": self.entry(code, currency), "Quantity": float(quantity), **more}
            self.org.create("OpportunityLineItem", OpportunityId=made["id"], **entry)
        return str(made["id"])

    def entry(self, code: str, currency: str) -> str:
        """Return the price book entry of a seeded product."""
        if not self.entries:
            rows = self.org.query("SELECT Id, ProductCode, Product2.ProductCode, CurrencyIsoCode FROM PricebookEntry")
            self.entries |= {(row["Product2"]["ProductCode"], row["CurrencyIsoCode"]): row["Id"] for row in rows}
        return self.entries[code, currency]

    def order(self, name: str) -> str:
        """Return a seeded Order."""
        return str(self.org.query(f"SELECT Id FROM Order WHERE Name = '{name}'")[0]["Id"])  # noqa: S608  (a constant)

    async def ask(self, operation: str, subject: str, version: str = "1", **arguments: str) -> Command:
        """Accept a request for a record, or about something in Stripe."""
        named = {"target_id" if subject.startswith(("in_", "pi_", "cs_", "plink_")) else "record_id": subject}
        request = Request("acme", operation, arguments=arguments, version=version, **named)  # type: ignore[arg-type]
        return (await self.commands.accept(request))[0]

    async def settled(self, command: Command) -> Command:
        """Carry a command out, or on."""
        await self.commands.execute(command.id, attempts=0)
        return await self.commands.get(command.id)

    async def ended(self, operation: str, subject: str, version: str = "1", **arguments: str) -> Command:
        """Ask, and carry it out to its end, whichever it is."""
        return await self.settled(await self.ask(operation, subject, version, **arguments))

    async def done(self, operation: str, subject: str, version: str = "1", **arguments: str) -> str:
        """Ask, and carry it out to its good end; return what it made or changed."""
        command = await self.ended(operation, subject, version, **arguments)
        assert command.state is CommandState.SUCCEEDED, (command.reason, command.message)
        return str(command.result_id or command.payment_intent_id or command.checkout_session_id)

    async def invoice(self, invoice: str) -> dict[str, Any]:
        """Return an invoice as it is."""
        return (await self.stripe.retrieve("invoice", invoice)).body

    async def lines(self, invoice: str) -> list[tuple[Any, ...]]:
        """Return amount, quantity and description of each line."""
        rows = [one.body for one in await self.stripe.list("line_item", {"invoice": invoice}, limit=300)]
        return [(row["amount"], row["quantity_decimal"], row["description"]) for row in rows]

    async def invoices_of(self, record: str) -> list[dict[str, Any]]:
        """Return every invoice that Stripe has for a record."""
        found = [one.body for one in await self.stripe.list("invoice", {}, limit=1000)]
        return [one for one in found if one["metadata"].get("salesforce_record_id") == record]

    async def told(self, kind: str, invoice: str) -> int:
        """Return how often Stripe told of something that happened to an invoice."""
        events = await self.stripe.list("event", {"type": kind}, limit=1000)
        return sum(one.body["data"]["object"]["id"] == invoice for one in events)

    def strike(self, **fault: Any) -> None:
        """Let Stripe misbehave."""
        self.sandbox.control("POST", "/stripe/faults", {"method": "POST", **fault})

    def requests(self) -> list[dict[str, Any]]:
        """Return every request to Stripe, oldest first."""
        found: list[dict[str, Any]] = self.sandbox.control("GET", "/stripe/requests")["requests"]
        return found


@asynccontextmanager
async def open_desk(
    vendors: RunningSandbox,
    database: Database,
    database_url: str,
    folder: Path,
    invoices: Invoices | None = None,
    **settings: Any,
) -> AsyncIterator[InvoiceDesk]:
    """Give a desk; `invoices` and `settings` are those of the entity."""
    told, clock = vendors.info["stripe"], ShiftedClock()
    (folder / "key").write_text(told["secret_key"])
    secret = {"file": folder / "key"}
    known = installation()
    terms = {"invoices": invoices or Invoices(), "checkout": {"success_url": "https://example.com/paid"}}
    entity = Entity.model_validate(known.entities["acme"].model_dump() | terms).model_copy(update=settings)
    known = Installation(version=1, orgs=known.orgs, entities={"acme": entity})
    account = entity.stripe.model_validate(
        {"livemode": False, "secret_key": secret, "webhook_secrets": [secret], "api_base": told["url"]}
    )
    org = _org(vendors, folder)
    stripe, salesforce = StripeApi("acme", account, clock), SalesforceApi("main", org, clock)
    steps = Steps(
        database=database,
        wakes=Wakes(database_url),
        clock=clock,
        installation=known,
        stripe={"acme": stripe},
        terms={"main": TermsReader(salesforce, org, {})},
    )
    outside = Salesforce(vendors.info["salesforce"])
    dashboard = StripeClient(told["secret_key"], base_addresses={"api": told["url"]})
    yield InvoiceDesk(vendors, stripe, dashboard, outside, Commands(steps, attempts_limit=3), clock)
    outside.close()
    vendors.control("DELETE", "/stripe/faults")
    stripe.close()
    salesforce.close()


def _org(vendors: RunningSandbox, folder: Path) -> Org:
    told = vendors.info["salesforce"]
    (folder / "org").write_text(told["client_secret"])
    secret = {"file": folder / "org"}
    return Org.model_validate(
        {
            "org_id": told["org_id"],
            "is_sandbox": told["is_sandbox"],
            "login_url": told["url"],
            "auth": {"flow": "client_credentials", "client_id": told["client_id"], "client_secret": secret},
            "ca_file": told["ca_file"],
        }
    )
