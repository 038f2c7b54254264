"""Who we are to Salesforce's event APIs, and whose certificates we believe: the same for every feed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import ConfigurationError, VendorDenied, VendorUnavailable
from subscribers.feed import Cause, StreamEnded


@dataclass(frozen=True, slots=True)
class CredentialsValue:
    """What every call carries: a bearer token, the org's https address and its 18-character id."""

    access_token: str = field(repr=False)
    instance_url: str
    tenant_id: str

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the three entries of a gRPC call. Source: Pub/Sub API, "Authentication"."""
        return ("accesstoken", self.access_token), ("instanceurl", self.instance_url), ("tenantid", self.tenant_id)


# Signs in. The argument is what was refused last, if anything: whoever holds something newer returns that.
Credentials = Callable[[CredentialsValue | None], Awaitable[CredentialsValue]]


async def sign_in(credentials: Credentials, refused: CredentialsValue | None) -> CredentialsValue:
    """Return what to call with.

    Raises:
        StreamEnded: Salesforce did not answer, or refuses us.
    """
    try:
        return await credentials(refused)
    except VendorUnavailable as error:
        raise StreamEnded(Cause.RETRY, error.reason, retry_after=error.retry_after) from None
    except (VendorDenied, ConfigurationError) as error:
        raise StreamEnded(Cause.STOP, error.reason, retry_after=error.retry_after) from None


def read_roots(name: str, ca_file: Path | None) -> bytes | None:
    """Return the certificates of a private authority, or None for the public ones.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if ca_file is None:
        return None
    try:
        return ca_file.read_bytes()
    except OSError as error:
        fault = f"the file {ca_file} cannot be read ({error.strerror})"
        raise ConfigurationError(f"orgs.{name}.ca_file", fault, "Create it and let this user read it") from error
