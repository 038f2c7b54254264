"""The client: where the service is, who calls, and the services as attributes.

Plaintext is for this machine: anywhere else the connection is TLS, unless plaintext is asked for by name, and a token
never goes over a plaintext connection to another machine.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from counterfoil_client._calls import Calls
from counterfoil_client._pb.services import Services

VERSION = "0.1.0"
TIMEOUT_SECONDS = 30.0
_THIS_MACHINE = re.compile(r"(dns:/*)?(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?|(ipv4:127\.|ipv6:\[::1\]|unix:).*")
_OPTIONS = (
    ("grpc.primary_user_agent", f"counterfoil-client/{VERSION}"),
    # A service that vanished is noticed within a minute, also by a watch that hears nothing; the service allows this.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Answers have no limit but that of their pages; requests are limited to 1 MiB by the service.
    ("grpc.max_receive_message_length", 64 * 1_048_576),
    # Or a second client of the same address would go over the first one's connection, with its certificate.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True)
class TLS:
    """How to trust the service, and to be trusted; each is PEM.

    Attributes:
        roots: the authority of the service's certificate; those of grpc's own list if None.
        certificate: of this caller, with its chain, for mutual TLS.
        key: its private key.
    """

    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class Client(Services):
    """A connection to Counterfoil, for any number of threads. Close it, or use it as a context.

    Args:
        target: "host:port".
        token: a JWT, or a function that gives the present one; asked before every try.
        tls: how to trust the service. On this machine the connection is plaintext without it, elsewhere TLS.
        plaintext: whether to speak plaintext with another machine, as within a mesh that encrypts by itself.
        timeout: seconds for a call and its repetitions, where a call is given none.

    Raises:
        ValueError: `tls` and `plaintext` contradict each other, or a token would travel unprotected.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | Callable[[], str] | None = None,
        tls: TLS | None = None,
        plaintext: bool = False,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        if plaintext and tls is not None:
            raise ValueError("plaintext and tls contradict each other: give one of them")
        here = _THIS_MACHINE.fullmatch(target) is not None
        if plaintext and token is not None and not here:
            raise ValueError("a token does not go over plaintext to another machine: give tls instead")
        if plaintext or (tls is None and here):
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, _credentials(tls or TLS()), options=_OPTIONS)
        super().__init__(Calls(self._channel, _provider(token), timeout))

    def close(self) -> None:
        """Hang up; calls under way end."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _credentials(tls: TLS) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=tls.roots, private_key=tls.key, certificate_chain=tls.certificate
    )


def _provider(token: str | Callable[[], str] | None) -> Callable[[], str] | None:
    return (lambda: token) if isinstance(token, str) else token
