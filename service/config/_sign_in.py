"""How we sign in to a Salesforce org: as one user, without a person."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.config._secrets import SecretRef


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JwtBearer(_Frozen):
    """OAuth 2.0 JWT bearer: a certificate signs us in as one user, without a password."""

    flow: Literal["jwt_bearer"] = Field(description="Sign in with a certificate.")
    client_id: str = Field(min_length=1, description="Consumer key of the External Client App.")
    username: str = Field(min_length=1, description="The integration user.")
    private_key: SecretRef = Field(description="PEM private key whose certificate the app knows.")
    audience: str | None = Field(
        default=None,
        description="Default: https://test.salesforce.com for a sandbox, else https://login.salesforce.com.",
    )


class ClientCredentials(_Frozen):
    """OAuth 2.0 client credentials: My Domain hosts only; acts as the app's execution user."""

    flow: Literal["client_credentials"] = Field(description="Sign in with the app's own secret.")
    client_id: str = Field(min_length=1, description="Consumer key of the External Client App.")
    client_secret: SecretRef = Field(description="Consumer secret of the app.")
