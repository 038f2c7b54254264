"""Commands with Stripe's stand-in behind them, a clock in hand, and a payment to do something with."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from service.clients import StripeApi
from service.commands import Command, Commands, CommandState, Request, Steps, TermsReader
from service.commands.approvals import Approvals
from service.config import Entity, Installation
from service.db import Database, Wakes
from tests.integration.api.stored import installation
from tests.support.delivery import ShiftedClock
from tests.support.sandbox import RunningSandbox, start_sandbox


@dataclass
class Desk:
    """Commands without a worker: a test runs them itself."""

    sandbox: RunningSandbox
    stripe: StripeApi
    commands: Commands
    clock: ShiftedClock
    steps: Steps
    installation: Installation = field(default_factory=installation)
    terms: dict[str, TermsReader] = field(default_factory=dict)

    @property
    def approvals(self) -> Approvals:
        return Approvals(self.steps.database, self.steps.wakes, self.clock)

    def bind(self, **terms: Any) -> None:
        """Let the entity have other terms from now on, as after a restart."""
        entity = Entity.model_validate(self.installation.entities["acme"].model_dump() | terms)
        bound = self.installation.model_copy(update={"entities": self.installation.entities | {"acme": entity}})
        self.commands = Commands(replace(self.steps, installation=bound), attempts_limit=3)

    async def payment(self, amount: int = 10_000, *, card: str = "pm_card_visa", **more: Any) -> str:
        """Make a payment intent of a card; return its id."""
        params = {"amount": amount, "currency": "usd", "payment_method": card, "confirm": True, **more}
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        made = await self.stripe.create("payment_intent", params, idempotency_key=self.clock.new_id().hex)
        return str(made.body["id"])

    async def ask(self, operation: str, intent: str, version: str = "1", **arguments: str) -> Command:
        """Accept a request for something to be done with a payment."""
        request = Request("acme", operation, target_id=intent, arguments=arguments, version=version)
        return (await self.commands.accept(request))[0]

    async def settled(self, command: Command) -> Command:
        """Carry a command out, or on."""
        await self.commands.execute(command.id, attempts=0)
        return await self.commands.get(command.id)

    async def done(self, operation: str, intent: str, version: str = "1", **arguments: str) -> Command:
        """Ask, and carry it out to its good end."""
        command = await self.settled(await self.ask(operation, intent, version, **arguments))
        assert command.state is CommandState.SUCCEEDED, command.message
        return command

    def strike(self, **fault: Any) -> None:
        """Let Stripe misbehave."""
        self.sandbox.control("POST", "/stripe/faults", {"method": "POST", **fault})

    def posts(self, path: str) -> list[dict[str, Any]]:
        """Return every POST to a path, oldest first."""
        asked = self.sandbox.control("GET", "/stripe/requests")["requests"]
        return [one for one in asked if (one["method"], one["path"]) == ("POST", path)]

    async def refunds(self, intent: str) -> list[dict[str, Any]]:
        """Return the refunds of a payment, newest first."""
        return [one.body for one in await self.stripe.list("refund", {"payment_intent": intent}, limit=100)]

    async def intent(self, intent: str) -> dict[str, Any]:
        """Return a payment intent as it is."""
        return (await self.stripe.retrieve("payment_intent", intent)).body


@pytest.fixture(scope="session")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(vendors: RunningSandbox, database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    told = vendors.info["stripe"]
    (tmp_path / "key").write_text(told["secret_key"])
    known, clock = installation(), ShiftedClock()
    secret = {"file": tmp_path / "key"}
    account = known.entities["acme"].stripe.model_validate(
        {"livemode": False, "secret_key": secret, "webhook_secrets": [secret], "api_base": told["url"]}
    )
    stripe = StripeApi("acme", account, clock)
    terms: dict[str, TermsReader] = {}
    steps = Steps(
        database=database,
        wakes=Wakes(database_url),
        clock=clock,
        installation=known,
        stripe={"acme": stripe},
        terms=terms,
    )
    yield Desk(vendors, stripe, Commands(steps, attempts_limit=3), clock, steps, terms=terms)
    vendors.control("DELETE", "/stripe/faults")
    stripe.close()
