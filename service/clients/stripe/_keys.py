"""The keys of one Stripe account: one for commands, and if there are, one for reading and one for setting up.

Restricted keys that can do one thing each: what reads cannot charge, what charges cannot redirect webhooks. A key in a
file is taken anew when the file changes. Refuses keys of the other mode, publishable and organisation keys; one that
comes while we run leaves the former in use.
Source: docs.stripe.com/keys, docs.stripe.com/keys/restricted-api-keys.
"""

from enum import StrEnum

from stripe import RequestsClient, StripeClient

from service import telemetry
from service.clients._calls import timeouts
from service.config import StripeAccount
from service.errors import ConfigurationError


class Purpose(StrEnum):
    """What a call is for, by the setting of its key; without an own key it is the first one's."""

    COMMAND = "secret_key"
    READ = "read_key"
    SETUP = "setup_key"


class StripeKeys:
    """Clients by purpose.

    Args:
        entity: name of the legal entity, for error messages.
        account: its settings.
        api_version: what every call pins.

    Raises:
        ConfigurationError: a key cannot be read, or is of the other mode than the settings say.
    """

    def __init__(self, entity: str, account: StripeAccount, api_version: str) -> None:
        self._entity = entity
        self._account = account
        self._api_version = api_version
        self._http = RequestsClient(timeout=timeouts(account.timeout_seconds))
        self._secrets = {
            purpose: ref.watched(self._where(purpose), telemetry.tell_secret)
            for purpose in Purpose
            if (ref := getattr(account, purpose.value)) is not None
        }
        self._clients: dict[Purpose, tuple[str, StripeClient]] = {}
        for purpose, secret in self._secrets.items():
            key = secret.value()
            self._require_mode(purpose, key)
            self._clients[purpose] = key, self._make(key)

    @property
    def own(self) -> tuple[Purpose, ...]:
        """The purposes that have a key of their own."""
        return tuple(self._secrets)

    def client(self, purpose: Purpose) -> StripeClient:
        """Return the client of a purpose, with the key as it is now."""
        if purpose not in self._secrets:
            purpose = Purpose.COMMAND
        known, client = self._clients[purpose]
        key = self._secrets[purpose].value()
        if key == known:
            return client
        try:
            self._require_mode(purpose, key)
        except ConfigurationError as error:
            telemetry.log().error("secret.refused", field=error.field, fault=error.fault, alarm=True)
            return client
        client = self._make(key)
        self._clients[purpose] = key, client
        return client

    def _make(self, key: str) -> StripeClient:
        return StripeClient(
            key,
            stripe_version=self._api_version,
            stripe_account=self._account.connected_account,
            base_addresses={"api": self._account.api_base.rstrip("/")},
            max_network_retries=0,
            http_client=self._http,
        )

    def _where(self, purpose: Purpose) -> str:
        return f"entities.{self._entity}.stripe.{purpose.value}"

    def _require_mode(self, purpose: Purpose, key: str) -> None:
        """Refuse all but a secret or restricted key of this mode: a publishable or an organisation's key is neither."""
        mode = "live" if self._account.livemode else "test"
        if not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
            raise ConfigurationError(
                self._where(purpose),
                f"is not a {mode} key",
                f"Give one that begins with rk_{mode}_, or correct livemode",
            )
