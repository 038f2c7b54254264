"""Who callers of the API are: signing keys, JWK Sets and tokens; an authority and the certificates it issues."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ISSUER = "https://login.acme.example"
AUDIENCE = "counterfoil"


@dataclass(frozen=True)
class SigningKey:
    """One of an issuer's keys."""

    key_id: str
    private: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, key_id: str) -> "SigningKey":
        return cls(key_id, ec.generate_private_key(ec.SECP256R1()))

    def jwk(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        return {**public, "kid": self.key_id, "use": "sig", "alg": "ES256"}

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that holds, but for the claims given; None leaves one out."""
        now = datetime.now(UTC)
        known = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now + timedelta(minutes=5), "iat": now}
        content = {name: value for name, value in (known | claims).items() if value is not None}
        return jwt.encode(content, self.private, algorithm="ES256", headers={"kid": self.key_id, **(header or {})})


def jwk_set(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [key.jwk() for key in keys]}).encode()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


class Authority:
    """A certificate authority of its own."""

    def __init__(self, name: str = "Acme authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self._own = _builder(self._name, self._name, self._key).add_extension(basic, critical=True)
        self.pem = self._own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, common_name: str, *names: x509.GeneralName) -> tuple[bytes, bytes]:
        """Return (certificate, private key) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        built = _builder(subject, self._name, key)
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = built.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def server(self, folder: Path) -> tuple[Path, Path]:
        """Write a certificate for localhost and its key; return their paths. Written again, they replace the former."""
        certificate, key = self.issue("localhost", x509.DNSName("localhost"))
        paths = folder / "tls.crt", folder / "tls.key"
        for path, content in zip(paths, (certificate, key), strict=True):
            path.write_bytes(content)
        return paths


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )
