"""The two ways in which an org's events are read."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.config._loopback import is_loopback


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PubSub(_Frozen):
    """Salesforce's Pub/Sub API: the stream of platform events."""

    endpoint: str = Field(
        default="api.pubsub.salesforce.com:7443",
        pattern=r"^[^/\s]+:\d{1,5}$",
        description="host:port; api.deu.pubsub.salesforce.com:7443 keeps the data in the EU.",
    )
    plaintext: bool = Field(default=False, description="No TLS; only to this machine, for local trials.")
    topics: tuple[str, ...] = Field(
        default=("/event/Payment_Request__e",),
        min_length=1,
        max_length=20,
        description="Each is read as one stream, whichever way 'stream' names.",
    )
    silence_seconds: int = Field(default=300, ge=1, le=3600, description="A stream silent for longer is opened anew.")
    managed: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]] = Field(
        default_factory=dict,
        max_length=20,
        description="Topics whose position Salesforce keeps, each with the developer name of its "
        "ManagedEventSubscription; a beta feature, for the Pub/Sub API only.",
    )
    reserve_percent: int = Field(
        default=10,
        ge=0,
        le=90,
        description="Of the events that Salesforce delivers in 24 hours, kept for requests: with less than this left, "
        "changes of records wait until there is more.",
    )
    limits_refresh_seconds: int = Field(
        default=300, ge=1, le=86_400, description="How often it is asked how many deliveries are left."
    )

    @model_validator(mode="after")
    def _plaintext_only_here(self) -> Self:
        if self.plaintext and not is_loopback(self.endpoint.rsplit(":", 1)[0]):
            raise ValueError("plaintext is allowed on this machine only: remove it")
        return self


class Cometd(_Frozen):
    """Salesforce's Streaming API: the same events over HTTPS, for networks that let no gRPC out."""

    silence_seconds: int = Field(
        default=150,
        ge=1,
        le=3600,
        description="A connection without an answer for longer is opened anew; Salesforce holds one for 110 seconds.",
    )
