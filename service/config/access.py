"""Who may call the gRPC API: issuers of tokens, client certificates, their roles and their entities.

Nothing is granted by leaving something out: a caller without a role may do nothing, one without entities sees none.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.config._loopback import is_loopback

ALL_ENTITIES = "*"
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Scope = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_-]{0,39})$")]
_Claim = Annotated[str, Field(min_length=1, max_length=200)]
# Signatures by a key pair only: with a shared secret whoever checks a token could also make one (RFC 8725, 3.2).
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class CallerRole(StrEnum):
    """What a caller is there for; the policy table of `service.access` says what each may do."""

    VIEWER = "viewer"  # reads
    REQUESTER = "requester"  # reads, and asks for changes
    APPROVER = "approver"  # reads, and decides on what others asked for
    OPERATOR = "operator"  # reads, and looks after the service: failures, sweeps, backfills
    ADMIN = "admin"  # everything


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeySet(_Frozen):
    """Where an issuer's public keys are (a JWK Set, RFC 7517). Exactly one of the two is given."""

    url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        max_length=2000,
        description="Its jwks_uri; read again every refresh_seconds, and when a token names a key that is not there.",
    )
    file: Path | None = Field(default=None, description="A file that holds it; read again when it changes.")
    refresh_seconds: int = Field(default=300, ge=10, le=86_400, description="How old keys from the URL may become.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise ValueError("needs exactly one of 'url' and 'file'")
        parts = urlsplit(self.url or "https://")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError("url without TLS is allowed on this machine only: use https")
        return self


class Issuer(_Frozen):
    """An OpenID Connect provider, or whoever else signs JWT bearer tokens for our callers."""

    issuer: str = Field(min_length=1, max_length=500, description="The 'iss' of its tokens, exactly.")
    audience: tuple[_Claim, ...] = Field(
        min_length=1, max_length=10, description="A token's 'aud' must hold one of these: it was made for us."
    )
    keys: KeySet = Field(description="Its public keys.")
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "ES256"), min_length=1, max_length=10, description="How its tokens may be signed."
    )
    leeway_seconds: int = Field(default=30, ge=0, le=300, description="How far its clock and ours may differ.")
    roles_claim: str = Field(
        default="roles",
        pattern=r"^[^.\s]+(\.[^.\s]+){0,4}$",
        max_length=200,
        description="Claim with the roles, as a list or a text with spaces; dots lead inwards: realm_access.roles.",
    )
    roles: dict[_Claim, CallerRole] = Field(
        default_factory=dict,
        max_length=100,
        description="Our role for each word of that claim. Without it the words are our own: viewer, requester, ...",
    )
    entities_claim: str | None = Field(
        default=None,
        pattern=r"^[^.\s]+(\.[^.\s]+){0,4}$",
        max_length=200,
        description="Claim with the entities a caller sees, in the same forms; '*' is all of them.",
    )
    entities: tuple[_Scope, ...] = Field(
        default=(), max_length=200, description="What all of its callers see, besides those of the claim; '*' is all."
    )


class Caller(_Frozen):
    """One caller by name: a program with a client certificate, or the subject of a token."""

    certificate: str | None = Field(
        default=None,
        pattern=r"^(uri|dns|email|cn):\S+$",
        max_length=500,
        description="A name its certificate must hold: uri:spiffe://acme/billing, dns:billing.acme.example, "
        "email:..., or cn:... where there is no subject alternative name.",
    )
    issuer: _Name | None = Field(default=None, description="The name below 'issuers' whose token it brings.")
    subject: _Claim | None = Field(default=None, description="The 'sub' of that token, exactly.")
    roles: tuple[CallerRole, ...] = Field(min_length=1, max_length=5, description="What it is there for.")
    entities: tuple[_Scope, ...] = Field(min_length=1, max_length=200, description="What it sees; '*' is everything.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.issuer is None) != (self.subject is None) or (self.certificate is None) == (self.subject is None):
            raise ValueError("is known by 'certificate', or by 'issuer' and 'subject': give one of them")
        return self


class Access(_Frozen):
    """Who may call the gRPC API. Without it nobody is asked who he is, which only this machine is allowed."""

    issuers: dict[_Name, Issuer] = Field(
        default_factory=dict, max_length=20, description="Whose tokens are taken, by a name of your own."
    )
    callers: dict[_Name, Caller] = Field(
        default_factory=dict, max_length=1000, description="Callers known one by one, by a name of your own."
    )

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        seen: dict[tuple[str | None, ...], str] = {}
        for name, caller in self.callers.items():
            if caller.issuer is not None and caller.issuer not in self.issuers:
                raise ValueError(f"callers.{name}.issuer names {caller.issuer!r}, which is not under 'issuers'")
            first = seen.setdefault((caller.certificate, caller.issuer, caller.subject), name)
            if first != name:
                raise ValueError(f"callers.{name} is known by the same as {first!r}: keep one")
        issuers = [one.issuer for one in self.issuers.values()]
        if len(set(issuers)) != len(issuers):
            raise ValueError("two of 'issuers' have the same 'issuer': keep one")
        if not self.issuers and not self.callers:
            raise ValueError("names nobody: add 'issuers' or 'callers', or remove it")
        return self

    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Return the entities named, by the place where they are."""
        issuers = {f"issuers.{name}": one.entities for name, one in self.issuers.items()}
        return issuers | {f"callers.{name}": one.entities for name, one in self.callers.items()}
