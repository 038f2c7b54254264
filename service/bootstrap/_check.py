"""Checking an installation: the settings by themselves, then the database and both vendors, each asked once.

Nothing is written anywhere, except that the embedded PostgreSQL is started when it is the configured one.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from service import migrations
from service.bootstrap._check_keys import encryption, keys_in_use
from service.bootstrap._identities import require_identities
from service.bootstrap._roles import shared_credentials
from service.bootstrap._store import configured_url, open_store, refuse_embedded_live
from service.clients import SalesforceApi, StripeApi
from service.clock import SystemClock
from service.commands.changes import verify_changes
from service.config import Installation, Settings, load_installation
from service.errors import ConfigurationError, VendorDenied, VendorUnavailable
from service.maintenance import Finding, check_account, check_org, fault, note, ok, verify_mappings
from service.sealing import Vault, open_vault
from subscribers import Cause, OrgFeed, StreamEnded, open_feed

_ENVIRONMENT = "environment"
_DATABASE = "database"
_APIS = {"pubsub": "Pub/Sub API", "cometd": "Streaming API"}
_WEBHOOK_SECRET = "whsec_"  # noqa: S105  (how all of them begin: docs.stripe.com/webhooks/signature)


def check(load: Callable[[], Settings], *, offline: bool) -> list[Finding]:
    """Check everything that can be checked; a fault in one place does not hide those in others.

    Args:
        load: reads the settings.
        offline: look at the settings and the secrets only; ask nobody.
    """
    return list(_Check(offline).run(load))


@dataclass(slots=True)
class _Check:
    """One run. `stripe`, `salesforce` and `feeds` hold the clients that could be made."""

    offline: bool
    clock: SystemClock = field(default_factory=SystemClock)
    stripe: dict[str, StripeApi] = field(default_factory=dict)
    salesforce: dict[str, SalesforceApi] = field(default_factory=dict)
    feeds: dict[str, OrgFeed] = field(default_factory=dict)

    def run(self, load: Callable[[], Settings]) -> Iterator[Finding]:
        try:
            settings = load()
        except ConfigurationError as error:
            yield from _faults(error, _ENVIRONMENT)
            return
        yield from _environment(settings)
        try:
            vault = open_vault(settings)
            yield from encryption(settings, vault)
        except ConfigurationError as error:
            yield from _faults(error, _ENVIRONMENT)
            vault = None
        try:
            installation = load_installation(settings.config_file)
        except ConfigurationError as error:
            yield from _faults(error, "file")
            installation = None
        if installation is not None:
            yield from self._installation(settings, installation)
        if not self.offline:
            yield from _database(settings, vault)
        if installation is not None and not self.offline:
            yield from asyncio.run(self._vendors(installation))

    def _installation(self, settings: Settings, installation: Installation) -> Iterator[Finding]:
        yield from _rules(installation)
        counts = f"{len(installation.entities)} entities, {len(installation.orgs)} orgs"
        yield ok(str(settings.config_file), "file", counts)
        embedded = settings.database_url is None and settings.database_url_file is None
        try:
            refuse_embedded_live(settings, installation, embedded=embedded)
        except ConfigurationError as error:
            yield from _faults(error, _DATABASE)
        try:
            require_identities(settings, installation)
        except ConfigurationError as error:
            yield from _faults(error, "file")
        yield from _limits(installation)
        for name, entity in installation.entities.items():
            subject = f"entities.{name}.stripe"
            try:
                self.stripe[name] = StripeApi(name, entity.stripe, self.clock)
                for index, secret in enumerate(entity.stripe.webhook_secrets):
                    where = f"{subject}.webhook_secrets.{index}"
                    if not secret.read(where).startswith(_WEBHOOK_SECRET):
                        remedy = "Give the signing secret of the webhook endpoint"
                        raise ConfigurationError(where, f"does not begin with {_WEBHOOK_SECRET}", remedy)  # noqa: TRY301  (joins the others)
                yield ok(subject, "secrets", f"a {'live' if entity.stripe.livemode else 'test'} key")
            except ConfigurationError as error:
                yield from _faults(error, "secrets")
        for name, org in installation.orgs.items():
            try:
                self.salesforce[name] = SalesforceApi(name, org, self.clock)
                self.feeds[name] = open_feed(name, org, shared_credentials(self.salesforce[name]))
                yield ok(f"orgs.{name}", "secrets", org.auth.flow)
            except ConfigurationError as error:
                yield from _faults(error, "secrets")

    async def _vendors(self, installation: Installation) -> list[Finding]:
        accounts = (
            check_account(name, installation.entities[name].stripe, api, self.clock)
            for name, api in self.stripe.items()
        )
        orgs = (check_org(name, installation, api, self._topic) for name, api in self.salesforce.items())
        try:
            found = await asyncio.gather(*accounts, *orgs)
        finally:
            await self._close()
        return [finding for part in found for finding in part]

    async def _topic(self, org: str, topic: str) -> bool:
        try:
            return await self.feeds[org].can_subscribe(topic)
        except StreamEnded as error:
            kind = VendorDenied if error.cause is Cause.STOP else VendorUnavailable
            api = _APIS[self.feeds[org].kind]
            text = f"Salesforce's {api} refused the topic or did not answer ({error.code or error.cause})"
            raise kind(text, vendor="salesforce", code=error.code or None) from None

    async def _close(self) -> None:
        for feed in self.feeds.values():
            await feed.close()
        for org in self.salesforce.values():
            org.close()
        for account in self.stripe.values():
            account.close()


def _rules(installation: Installation) -> Iterator[Finding]:
    """Try what the file has of rules: what could never work is known before anybody is asked."""
    for verify, check_name in ((verify_mappings, "mapping"), (verify_changes, "changes")):
        try:
            verify(installation)
        except ConfigurationError as error:
            yield from _faults(error, check_name)


def _limits(installation: Installation) -> Iterator[Finding]:
    """Tell what is allowed, but has a consequence that shows only when somebody asks for a payment."""
    for name, entity in installation.entities.items():
        if entity.checkout is None:
            detail = "not set: requests with hosted_checkout, as of the Flow, are refused"
            yield note(f"entities.{name}.checkout", "file", detail, "Set checkout.success_url, unless none will come")
    for name in installation.orgs:
        served = installation.entities_of(name)
        if not served:
            yield note(f"orgs.{name}", "file", "serves no entity", "Remove it, or name it in an entity's 'org'")
        elif len(served) > 1:
            detail = f"serves {len(served)} entities: a request must name one in Payment_Request__e.Entity__c"
            yield note(f"orgs.{name}", "file", detail, "Set Entity__c in the Flow that asks")


def _faults(error: ConfigurationError, check_name: str) -> Iterator[Finding]:
    for one in (error, *error.others):
        yield fault(one.field, check_name, one.fault, one.remedy)


def _environment(settings: Settings) -> Iterator[Finding]:
    """Read what the environment names; what it holds was checked when it was loaded."""
    faults: list[Finding] = []
    try:
        configured_url(settings)
    except ConfigurationError as error:
        faults += _faults(error, _ENVIRONMENT)
    for name in ("grpc_tls_cert_file", "grpc_tls_key_file", "grpc_tls_client_ca_file"):
        path: Path | None = getattr(settings, name)
        if path is not None:
            try:
                path.read_bytes()
            except OSError as error:
                detail = f"the file {path} cannot be read ({error.strerror})"
                remedy = "Create it and let this user read it"
                faults.append(fault(f"COUNTERFOIL_{name.upper()}", _ENVIRONMENT, detail, remedy))
    yield from faults
    if not faults:
        yield ok("COUNTERFOIL_*", _ENVIRONMENT)


def _database(settings: Settings, vault: Vault | None) -> Iterator[Finding]:
    try:
        with open_store(settings) as store:
            kind = "embedded" if store.embedded else "configured"
            found = f"{kind} PostgreSQL {migrations.server_version(store.url)}"
            missing = migrations.pending(store.url)
            keys = [] if missing or vault is None else asyncio.run(keys_in_use(store.url, vault))
    except ConfigurationError as error:
        yield from _faults(error, _DATABASE)
        return
    yield from keys
    if not missing:
        yield ok(_DATABASE, "migrations", f"{found}, up to date")
    elif kind == "embedded" or settings.migrate_on_start:
        yield note(_DATABASE, "migrations", f"{found}, {len(missing)} to apply at the next start")
    else:
        detail = f"{found} lacks the migrations {', '.join(missing)}"
        yield fault(_DATABASE, "migrations", detail, "Run 'counterfoil migrate'")
