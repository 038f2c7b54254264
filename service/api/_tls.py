"""The certificate of the gRPC API, and the authority of its callers' certificates, both renewed without a restart.

The files are looked at with every new connection, at most once a second, and read again when one of them has changed.
Files that do not fit together, as while they are being replaced, leave those of before in use.
"""

import threading
import time
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from service import telemetry
from service.config import Settings
from service.errors import ConfigurationError

_LOOK_SECONDS = 1.0
_Stamp = tuple[tuple[int, int, int], ...]


class CertificateFiles:
    """Certificate, key and, for mutual TLS, the callers' authority; called by grpc's own threads."""

    def __init__(self, certificate: Path, key: Path, authority: Path | None) -> None:
        self._paths = tuple(path for path in (certificate, key, authority) if path is not None)
        self._lock = threading.Lock()
        self._stamp: _Stamp = ()
        self._looked = 0.0

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Read the files.

        Raises:
            OSError: one cannot be read.
            ValueError: one is no PEM, or certificate and key do not belong together.
        """
        stamp = self._stamps()
        chain, key, *authority = (path.read_bytes() for path in self._paths)
        _require_pair(chain, key)
        for one in authority:
            x509.load_pem_x509_certificates(one)
        self._stamp = stamp
        return grpc.ssl_server_certificate_configuration([(key, chain)], authority[0] if authority else None)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the files hold if they have changed since they were read, None to go on as before."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked < _LOOK_SECONDS:
                return None
            self._looked = now
            try:
                if self._stamps() == self._stamp:
                    return None
                found = self.read()
            except (OSError, ValueError) as error:
                telemetry.log().error("grpc.certificate_unread", error=type(error).__name__, alarm=True)
                return None
            telemetry.log().info("grpc.certificate_renewed")
            return found

    def _stamps(self) -> _Stamp:
        found = (path.stat() for path in self._paths)
        return tuple((status.st_mtime_ns, status.st_size, status.st_ino) for status in found)


def _require_pair(chain: bytes, key: bytes) -> None:
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise ValueError("the key is encrypted") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = x509.load_pem_x509_certificates(chain)[0].public_key().public_bytes(*form)
    if private.public_key().public_bytes(*form) != own:
        raise ValueError("certificate and key do not belong together")


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Return the credentials of the settings, None for plaintext. With an authority every caller needs a certificate.

    Raises:
        ConfigurationError: a file cannot be read, is no PEM, or certificate and key do not belong together.
    """
    certificate, key = settings.grpc_tls_cert_file, settings.grpc_tls_key_file
    if certificate is None or key is None:
        return None
    authority = settings.grpc_tls_client_ca_file
    files = CertificateFiles(certificate, key, authority)
    name = "COUNTERFOIL_GRPC_TLS_CERT_FILE"
    try:
        first = files.read()
    except OSError as error:
        raise ConfigurationError(
            name, f"cannot be read ({error.strerror})", "Let this user read it and its key"
        ) from error
    except ValueError:
        fault = "certificate, key and callers' authority are not PEM files that belong together"
        raise ConfigurationError(name, fault, "Give a certificate with the private key made for it") from None
    return grpc.dynamic_ssl_server_credentials(
        first,
        files.renewed,  # type: ignore[arg-type]  # None goes on as before, says its documentation; not its types
        require_client_authentication=authority is not None,
    )
