"""The YAML file: who we act for, in which Stripe account, and in which Salesforce org.

Its JSON Schema is published beside the code (`deploy/config/counterfoil.schema.json`), so that editors complete it.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.config._customers import Customers
from service.config._feeds import Cometd, PubSub
from service.config._loopback import is_loopback
from service.config._mapping import ApiName, ObjectMapping
from service.config._reactions import Reaction
from service.config._routing import RoutingRule
from service.config._secrets import SecretRef
from service.config._sign_in import ClientCredentials, JwtBearer
from service.config.access import ALL_ENTITIES, Access
from service.config.changes import ChangeRule, OnChange, check_rules, topics_with_changes
from service.config.invoices import Invoices
from service.config.limits import Limit

_FIRST_VERSION_WITH_EVENT_IDS = 52
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StripeAccount(_Frozen):
    """One Stripe account, in one mode."""

    account: str | None = Field(
        default=None, pattern=r"^acct_[A-Za-z0-9]+$", description="Account id; `counterfoil check` compares it."
    )
    livemode: bool = Field(description="true for live keys, false for test keys. Key, events and this must agree.")
    secret_key: SecretRef = Field(
        description="A restricted key (rk_...) with the permissions the README lists: commands, and all else without "
        "the two keys below."
    )
    read_key: SecretRef | None = Field(
        default=None, description="A restricted key that only reads, for everything that does; else secret_key."
    )
    setup_key: SecretRef | None = Field(
        default=None, description="A restricted key for webhook endpoints, of `counterfoil provision`; else secret_key."
    )
    webhook_secrets: tuple[SecretRef, ...] = Field(
        default=(),
        max_length=10,
        description="Signing secrets of the webhook endpoints, thin and snapshot ones: two each while one is rolled. "
        "None for a connected account, whose events come to its platform's endpoint.",
    )
    platform: Name | None = Field(
        default=None,
        description="For a Connect account: the entity that is the platform. Its key is given here again.",
    )
    api_base: str = Field(default="https://api.stripe.com", pattern=r"^https?://", description="Where Stripe answers.")
    timeout_seconds: float = Field(default=20, ge=1, le=80, description="Longest wait for one answer.")
    requests_per_second: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Most requests a second, of all processes together. Default: Stripe's limit, 100 live, 25 test.",
    )
    endpoint_requests_per_second: int = Field(
        default=25, ge=1, le=10_000, description="Most requests a second to one endpoint; 25 is Stripe's own limit."
    )

    @property
    def rate(self) -> int:
        """Requests a second that may be made (docs.stripe.com/rate-limits)."""
        return self.requests_per_second or (100 if self.livemode else 25)

    @model_validator(mode="after")
    def _plaintext_only_here(self) -> Self:
        parts = urlsplit(self.api_base)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError("api_base without TLS is allowed on this machine only: use https")
        return self

    @model_validator(mode="after")
    def _connected_or_not(self) -> Self:
        if self.platform is not None and (self.account is None or self.webhook_secrets):
            raise ValueError(
                "a connected account needs 'account', and no webhook_secrets: its platform has the endpoint"
            )
        if self.platform is None and not self.webhook_secrets:
            raise ValueError("webhook_secrets has none: give the signing secret of the webhook endpoint")
        return self

    @property
    def connected_account(self) -> str | None:
        """The account that every call names besides the key, for a Connect account."""
        return self.account if self.platform is not None else None


RateSource = Literal["stripe", "salesforce", "salesforce_dated"]
_RATES = (
    "Where rates come from: stripe (of its balance transaction), salesforce (CurrencyType, the rate of today) or "
    "salesforce_dated (DatedConversionRate, the rate of the day the payment was made)."
)
_Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Checkout(_Frozen):
    """Where Stripe's hosted page sends the customer afterwards."""

    success_url: str = Field(pattern=r"^https?://", max_length=2000, description="After paying; no proof of payment.")
    cancel_url: str | None = Field(
        default=None, pattern=r"^https?://", max_length=2000, description="Where the back link leads; none without it."
    )


class Entity(_Frozen):
    """A legal entity: its money is in one Stripe account, its customers in one Salesforce org."""

    org: Name = Field(description="Name of the Salesforce org, below `orgs`.")
    stripe: StripeAccount = Field(description="The account its money comes to.")
    checkout: Checkout | None = Field(
        default=None, description="Needed for hosted_checkout: the pages after paying on Stripe's page."
    )
    invoices: Invoices = Field(default=Invoices(), description="How invoices are made.")
    customer_field: ApiName = Field(
        default="Stripe_Customer_Id__c",
        description="Field of Account and Contact with this account's customer id: one for each entity of an org.",
    )
    customers: Customers = Field(
        default=Customers(), description="Which fields of an Account or Contact sync_customer keeps its customer by."
    )
    reporting_currency: _Currency | None = Field(
        default=None,
        description="Currency the entity reports in; payments show their amount in it too. Default: that of its org.",
    )
    rates: RateSource | None = Field(default=None, description=f"{_RATES} Default: as its org has it.")
    routing: tuple[RoutingRule, ...] = Field(
        default=(), max_length=20, description="How to find the record of a payment that nothing else tells; in order."
    )
    limits: tuple[Limit, ...] = Field(
        default=(),
        max_length=100,
        description="What may be asked for, by currency; a currency that no limit of an operation names is refused.",
    )
    on_change: OnChange = "conflict"
    approval_hours: int = Field(
        default=72, ge=1, le=720, description="How long a request may wait for a second person, in hours."
    )
    closed_until: date | None = Field(
        default=None,
        description="Last day (UTC) of the closed period: nothing asked on it or before, or dated so, is carried out.",
    )


class Delivery(_Frozen):
    """How much of an org's API allowance is ours, and from where on records go in bulk."""

    api_share_percent: int = Field(
        default=50, ge=1, le=100, description="Our share of the org's API requests of 24 hours; deliveries keep to it."
    )
    bulk_above: int = Field(
        default=2000,
        ge=200,
        le=1_000_000,
        description="Unrelated records of one object, waiting at once, above which Bulk API 2.0 is used.",
    )


class Org(_Frozen):
    """One Salesforce org."""

    org_id: str = Field(pattern=r"^00D[A-Za-z0-9]{15}$", description="The 18-character org id; compared at start.")
    is_sandbox: bool = Field(description="Organization.IsSandbox; compared at start.")
    login_url: str = Field(pattern=r"^https?://", description="Where to sign in: My Domain, login or test host.")
    auth: JwtBearer | ClientCredentials = Field(discriminator="flow", description="How to sign in, without a person.")
    api_version: str = Field(
        default="66.0", pattern=r"^\d{2,3}\.0$", description="Of the REST API; older than the org's own release."
    )
    ca_file: Path | None = Field(default=None, description="PEM of a private certificate authority, if one is used.")
    currency: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{3}$",
        description="Currency of a single-currency org, whose records carry none; leave out in a multi-currency org.",
    )
    reporting_currency: _Currency | None = Field(
        default=None, description="Currency that the org's entities report in, unless they name their own."
    )
    rates: RateSource = Field(default="stripe", description=_RATES)
    currencies_refresh_seconds: int = Field(
        default=3600, ge=1, le=86_400, description="How often the org's currencies and rates are read."
    )
    stream: Literal["pubsub", "cometd"] = Field(
        default="pubsub",
        description="How events are read: by the Pub/Sub API, or by CometD where no gRPC gets out.",
    )
    pubsub: PubSub = Field(default=PubSub(), description="The topics, and how the Pub/Sub API reads them.")
    cometd: Cometd = Field(default=Cometd(), description="How CometD reads them, at the address we sign in to.")
    delivery: Delivery = Field(default=Delivery(), description="How much of the org's API the service may use.")
    reactions: tuple[Reaction, ...] = Field(
        default=(), max_length=100, description="Tasks, notifications and events on changes of status."
    )
    changes: tuple[ChangeRule, ...] = Field(
        default=(), max_length=50, description="What is asked for when records change, by Change Data Capture."
    )
    timeout_seconds: float = Field(default=30, ge=1, le=120, description="Longest wait for one answer.")

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that is read, each as one stream."""
        return topics_with_changes(self.pubsub.topics, self.changes)

    @model_validator(mode="after")
    def _plaintext_only_here(self) -> Self:
        parts = urlsplit(self.login_url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError("login_url without TLS is allowed on this machine only: use https")
        return self

    @model_validator(mode="after")
    def _events_have_ids(self) -> Self:
        # Streaming API Developer Guide, "EventUuid": from API version 52.0 on.
        if self.stream == "cometd" and float(self.api_version) < _FIRST_VERSION_WITH_EVENT_IDS:
            raise ValueError("stream: cometd needs api_version 52.0 or later, which gives events their ids")
        return self


def entity_of(entities: Mapping[str, Entity], endpoint: str, account: str | None) -> str | None:
    """Return which entity an event is of; None when its account is nobody's, which is never guessed.

    Args:
        entities: by name.
        endpoint: the entity at whose address the event came.
        account: the account it names, or the context of a thin event, whose last part is the account; None for the
            endpoint's own.
    """
    named = None if account is None else account.rsplit("/", 1)[-1]
    if named is None or named == entities[endpoint].stripe.account:
        return endpoint
    return next(
        (
            name
            for name, entity in entities.items()
            if entity.stripe.platform == endpoint and entity.stripe.account == named
        ),
        None,
    )


class Installation(_Frozen):
    """Everything one installation serves."""

    version: Literal[1] = Field(description="Version of this file's format.")
    orgs: dict[Name, Org] = Field(min_length=1, max_length=50, description="Salesforce orgs, by a name of your own.")
    entities: dict[Name, Entity] = Field(
        min_length=1, max_length=200, description="Legal entities, by a name of your own; it is in webhook addresses."
    )
    mappings: dict[Name, Annotated[dict[ApiName, ObjectMapping], Field(max_length=50)]] = Field(
        default_factory=dict, max_length=50, description="By org, then by our object name."
    )
    access: Access | None = Field(
        default=None, description="Who may call the gRPC API; without it nobody is asked, which only this machine may."
    )

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for name, entity in self.entities.items():
            if entity.org not in self.orgs:
                raise ValueError(f"entities.{name}.org names {entity.org!r}, which is not under 'orgs'")
            if entity.stripe.livemode and self.orgs[entity.org].is_sandbox:
                raise ValueError(f"entities.{name} joins live Stripe keys to a Salesforce sandbox: use test keys there")
        for name in self.mappings:
            if name not in self.orgs:
                raise ValueError(f"mappings.{name} is not the name of an org")
        return self

    @model_validator(mode="after")
    def _reactions_resolve(self) -> Self:
        for name, org in self.orgs.items():
            known: set[str] = set()
            for number, rule in enumerate(org.reactions):
                where = f"orgs.{name}.reactions.{number}"
                if rule.name in known:
                    raise ValueError(f"{where}.name {rule.name!r} is used twice: each rule needs a name of its own")
                known.add(rule.name)
                if strangers := sorted(set(rule.condition.entity) - set(self.entities_of(name))):
                    raise ValueError(f"{where}.if.entity names {', '.join(strangers)}: no entity of this org")
        return self

    @model_validator(mode="after")
    def _changes_resolve(self) -> Self:
        for name, org in self.orgs.items():
            check_rules(f"orgs.{name}.changes", org.changes, self.entities_of(name))
        return self

    @model_validator(mode="after")
    def _accounts_are_apart(self) -> Self:
        connected: dict[tuple[str, str | None], str] = {}
        fields: dict[tuple[str, str], str] = {}
        for name, entity in self.entities.items():
            stripe = entity.stripe
            if stripe.platform is not None:
                platform = self.entities.get(stripe.platform)
                if platform is None or platform.stripe.platform is not None:
                    raise ValueError(f"entities.{name}.stripe.platform must name an entity with a webhook of its own")
                if platform.stripe.livemode is not stripe.livemode:
                    raise ValueError(f"entities.{name}.stripe.livemode differs from that of its platform")
                other = connected.setdefault((stripe.platform, stripe.account), name)
                if other != name or stripe.account == platform.stripe.account:
                    raise ValueError(f"entities.{name}.stripe.account belongs to another entity already")
            other = fields.setdefault((entity.org, entity.customer_field), name)
            if other != name:
                raise ValueError(
                    f"entities.{name}.customer_field is also that of {other!r} in the same org: "
                    "a customer id belongs to one Stripe account, so give each entity a field of its own"
                )
        return self

    @model_validator(mode="after")
    def _rates_are_there(self) -> Self:
        for name, entity in self.entities.items():
            org = self.orgs[entity.org]
            reports = (entity.reporting_currency or org.reporting_currency) is not None
            if entity.rates is not None and not reports:
                raise ValueError(f"entities.{name}.rates is of no use without a reporting_currency")
            if reports and (entity.rates or org.rates) != "stripe" and org.currency is not None:
                raise ValueError(
                    f"entities.{name} takes rates from {entity.org!r}, which has one currency only and no rates: "
                    "use rates: stripe"
                )
        return self

    @model_validator(mode="after")
    def _scopes_resolve(self) -> Self:
        for where, named in (self.access.scopes() if self.access else {}).items():
            for entity in named:
                if entity != ALL_ENTITIES and entity not in self.entities:
                    raise ValueError(f"access.{where}.entities names {entity!r}, which is not under 'entities'")
        return self

    def entities_of(self, org: str) -> tuple[str, ...]:
        """Return the names of the entities whose customers are in `org`, in the order of the file."""
        return tuple(name for name, entity in self.entities.items() if entity.org == org)

    def customer_fields_of(self, org: str) -> tuple[str, ...]:
        """Return our names of the fields of `org` that hold customer ids: one for each of its entities."""
        return tuple(self.entities[name].customer_field for name in self.entities_of(org))
