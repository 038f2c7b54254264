"""Whether those who can reach the gRPC API are asked who they are: settings and file looked at together."""

from service.config import Installation, Settings
from service.errors import ConfigurationError


def require_identities(settings: Settings, installation: Installation) -> None:
    """Refuse an API that other machines reach without saying who they are, and callers that could never be known.

    Raises:
        ConfigurationError: names the setting and the remedy.
    """
    access = installation.access
    if access is None:
        if settings.grpc_reachable and not settings.grpc_allow_anonymous:
            raise ConfigurationError(
                "access",
                "is not there, and COUNTERFOIL_GRPC_HOST can be reached by other machines",
                "Say who may call, or set COUNTERFOIL_GRPC_ALLOW_ANONYMOUS=true to consent",
            )
        return
    named = next((name for name, caller in access.callers.items() if caller.certificate is not None), None)
    if named is not None and settings.grpc_tls_client_ca_file is None:
        raise ConfigurationError(
            f"access.callers.{named}.certificate",
            "no authority of client certificates is set, so that none would be asked for",
            "Set COUNTERFOIL_GRPC_TLS_CLIENT_CA_FILE",
        )
