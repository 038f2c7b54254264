"""Who may call: every fault of the configuration is told, and nobody is let in by leaving something out."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.bootstrap._identities import require_identities
from service.config import Installation, load_installation, load_settings
from service.errors import ConfigurationError

FOLDER = Path(__file__).parents[3] / "deploy" / "config"
DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / "counterfoil.example.yaml").read_text())
LOGIN = {"issuer": "https://login.acme.example", "audience": ["counterfoil"], "keys": {"file": "/jwks.json"}}
BILLING = {"certificate": "dns:billing.acme.example", "roles": ["requester"], "entities": ["acme-gmbh"]}
NIGHTLY = {"issuer": "login", "subject": "0oa1", "roles": ["operator"], "entities": ["*"]}


def load(folder: Path, access: Any) -> Installation:
    path = folder / "counterfoil.yaml"
    path.write_text(yaml.safe_dump(copy.deepcopy(DOCUMENT) | {"access": access}))
    return load_installation(path)


def test_the_documented_example_is_right(tmp_path: Path) -> None:
    lines = (FOLDER / "README.md").read_text().splitlines()
    start = lines.index("access:")
    access = yaml.safe_load("\n".join(lines[start : lines.index("```", start)]))["access"]
    assert load(tmp_path, access).access is not None


@pytest.mark.parametrize(
    ("access", "field", "words"),
    [
        ({}, "access", "names nobody"),
        ({"issuers": {"login": LOGIN | {"keys": {}}}}, "access.issuers.login.keys", "exactly one"),
        ({"issuers": {"login": LOGIN | {"keys": {"url": "http://login.acme.example/"}}}}, "keys", "use https"),
        ({"issuers": {"login": LOGIN | {"algorithms": ["HS256"]}}}, "algorithms.0", "RS256"),
        ({"issuers": {"login": LOGIN | {"algorithms": ["none"]}}}, "algorithms.0", "RS256"),
        ({"issuers": {"login": LOGIN | {"audience": []}}}, "audience", "at least 1"),
        ({"issuers": {"login": LOGIN | {"leeway_seconds": 3600}}}, "leeway_seconds", "300"),
        ({"issuers": {"login": LOGIN | {"entities": ["nobodys"]}}}, "the file", "'nobodys'"),
        ({"issuers": {"login": LOGIN, "again": LOGIN}}, "access", "same 'issuer'"),
        ({"callers": {"billing": BILLING | {"entities": ["nobodys"]}}}, "the file", "'nobodys'"),
        ({"callers": {"billing": BILLING | {"entities": []}}}, "entities", "at least 1"),
        ({"callers": {"billing": BILLING | {"roles": ["root"]}}}, "roles.0", "viewer"),
        ({"callers": {"billing": BILLING | {"certificate": "billing"}}}, "certificate", "form the schema shows"),
        ({"callers": {"billing": BILLING | {"issuer": "login"}}}, "billing", "give one of them"),
        ({"callers": {"nightly": NIGHTLY}}, "access", "not under 'issuers'"),
        ({"callers": {"billing": BILLING, "twin": BILLING}}, "access", "keep one"),
    ],
)
def test_every_fault_is_told(tmp_path: Path, access: Any, field: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, access)
    assert field in caught.value.field
    assert words in caught.value.message


def test_an_api_for_other_machines_asks_who_is_there_or_has_consent(tmp_path: Path) -> None:
    nobody = load_installation(FOLDER / "counterfoil.example.yaml")
    open_to_all = {"grpc_host": "0.0.0.0", "grpc_allow_plaintext": True}  # noqa: S104  (that is the matter)
    require_identities(load_settings(), nobody)
    with pytest.raises(ConfigurationError, match="GRPC_ALLOW_ANONYMOUS"):
        require_identities(load_settings(**open_to_all), nobody)
    require_identities(load_settings(**open_to_all, grpc_allow_anonymous=True), nobody)
    somebody = load(tmp_path, {"issuers": {"login": LOGIN}, "callers": {"nightly": NIGHTLY}})
    require_identities(load_settings(**open_to_all), somebody)


def test_callers_with_certificates_need_an_authority(tmp_path: Path) -> None:
    installation = load(tmp_path, {"callers": {"billing": BILLING}})
    files = dict.fromkeys(("grpc_tls_cert_file", "grpc_tls_key_file"), Path("tls"))
    with pytest.raises(ConfigurationError, match="GRPC_TLS_CLIENT_CA_FILE"):
        require_identities(load_settings(**files), installation)
    require_identities(load_settings(**files, grpc_tls_client_ca_file=Path("ca")), installation)
