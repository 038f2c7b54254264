"""The sandbox's own certificate authority and key pairs, made anew at each start.

Salesforce's REST and Pub/Sub endpoints speak TLS only, and real clients verify certificates. The authority's
certificate is written out for clients to trust; its private key never leaves the process.
"""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class ServerCertificate:
    """PEM texts of one leaf certificate: the authority to trust, the chain to present, and its private key."""

    ca_pem: bytes
    chain_pem: bytes
    key_pem: bytes

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings of a server that presents this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:  # ssl reads certificates from files only
            file.write(self.key_pem + self.chain_pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def issue_server_certificate(*hosts: str) -> ServerCertificate:
    """Make a new authority and one leaf certificate for the given host names and addresses."""
    authority = trustme.CA(organization_name="Counterfoil sandbox")
    leaf = authority.issue_cert(*dict.fromkeys(hosts))
    return ServerCertificate(
        ca_pem=authority.cert_pem.bytes(),
        chain_pem=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
        key_pem=leaf.private_key_pem.bytes(),
    )


def issue_jwt_key(key_file: Path, certificate_file: Path) -> rsa.RSAPublicKey:
    """Write an RSA key and its self-signed certificate, as users make them for JWT bearer; return the public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "counterfoil sandbox integration")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    write_private(
        key_file,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key.public_key()


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
