"""What every role shares, and the commands, which two roles use."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from service import telemetry
from service.api import Readiness
from service.clients import SalesforceApi, StripeApi
from service.clock import Clock
from service.commands import Commands, Steps, TermsReader
from service.commands.approvals import Approvals
from service.config import Entity, Installation, Settings
from service.db import Database, Wakes, open_database
from service.errors import VendorError
from service.rates import Limits, Pace
from service.sealing import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """The shared parts of one process. `holder` is a name no other process has, for leases."""

    settings: Settings
    installation: Installation
    clock: Clock
    database: Database
    wakes: Wakes
    readiness: Readiness
    stripe: Mapping[str, StripeApi]
    salesforce: Mapping[str, SalesforceApi]
    commands: Commands
    approvals: Approvals
    holder: str

    async def verify_orgs(self) -> None:
        """Compare every org that answers with its configuration; one that does not answer is compared at sign-in.

        Raises:
            ConfigurationError: an org is not the configured one, or a sandbox where none was said, or the reverse.
        """
        for name, org in self.salesforce.items():
            try:
                await org.session()
            except VendorError as error:
                telemetry.log().warning("salesforce.not_verified", org=name, reason=error.reason)

    async def close(self) -> None:
        """Let go of the vendors and the database."""
        for account in self.stripe.values():
            account.close()
        for org in self.salesforce.values():
            org.close()
        await self.database.close()


def _limits(entity: Entity) -> Limits:
    return Limits(entity.stripe.rate, entity.stripe.endpoint_requests_per_second)


def build(
    settings: Settings, installation: Installation, url: str, readiness: Readiness, clock: Clock, *, vault: Vault
) -> Parts:
    """Put the shared parts together; nothing is connected yet.

    Raises:
        ConfigurationError: a secret cannot be read, a Stripe key is of the wrong mode, or a limit of no operation.
    """
    database = open_database(url, pool_size=settings.database_pool_size, vault=vault)
    wakes = Wakes(url)
    stripe = {
        name: StripeApi(name, entity.stripe, clock, Pace(database, name, _limits(entity)))
        for name, entity in installation.entities.items()
    }
    salesforce = {name: SalesforceApi(name, org, clock) for name, org in installation.orgs.items()}
    steps = Steps(
        database=database,
        wakes=wakes,
        clock=clock,
        installation=installation,
        stripe=stripe,
        terms={
            name: TermsReader(api, installation.orgs[name], installation.mappings.get(name, {}))
            for name, api in salesforce.items()
        },
    )
    return Parts(
        settings=settings,
        installation=installation,
        clock=clock,
        database=database,
        wakes=wakes,
        readiness=readiness,
        stripe=stripe,
        salesforce=salesforce,
        commands=Commands(steps, attempts_limit=settings.command_attempts),
        approvals=Approvals(database, wakes, clock),
        # A process id repeats from one container to the next: the random part does not.
        holder=f"{socket.gethostname()}:{os.getpid()}:{clock.new_id().hex[:8]}",
    )
