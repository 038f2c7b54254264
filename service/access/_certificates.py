"""The names in a client certificate, which the TLS handshake has already verified against our authority."""

from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID


@lru_cache(maxsize=1024)
def names_of(pem: bytes) -> tuple[str, ...]:
    """Return the names a certificate holds, as the configuration writes them: "uri:...", "dns:...", "email:...".

    The common name ("cn:...") counts only without any of those: RFC 6125, 6.4.4.
    """
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = []
    else:
        names = [
            *(f"uri:{value}" for value in found.get_values_for_type(x509.UniformResourceIdentifier)),
            *(f"dns:{value}" for value in found.get_values_for_type(x509.DNSName)),
            *(f"email:{value}" for value in found.get_values_for_type(x509.RFC822Name)),
        ]
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return tuple(names) or tuple(f"cn:{attribute.value!s}" for attribute in common)
