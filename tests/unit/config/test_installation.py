"""The YAML file: every fault names its field and the remedy, no secret is ever quoted, nothing changes afterwards."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.config import Installation, JwtBearer, load_installation
from service.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "config" / "counterfoil.example.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
ORG, ENTITY, STRIPE = ("orgs", "main"), ("entities", "acme-gmbh"), ("entities", "acme-gmbh", "stripe")
REMOVE = object()


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    inner: Any = document
    for name in path[:-1]:
        inner = inner[name]
    if value is REMOVE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def load(folder: Path, document: Any) -> Installation:
    path = folder / "counterfoil.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_installation(path)


def fault(folder: Path, document: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, document)
    return caught.value


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        (("version",), 2, "version", "1"),
        (("version",), REMOVE, "version", "Add it"),
        (("orgs",), {}, "orgs", "at least 1"),
        (("entities",), REMOVE, "entities", "Add it"),
        (("orgs", "Main"), DOCUMENT["orgs"]["main"], "orgs.Main.[key]", "form the schema shows"),
        ((*ORG, "org_id"), "00D000000000001", "orgs.main.org_id", "form the schema shows"),
        ((*ORG, "is_sandbox"), REMOVE, "orgs.main.is_sandbox", "Add it"),
        ((*ORG, "is_sandbox"), "perhaps", "orgs.main.is_sandbox", "boolean"),
        ((*ORG, "login_url"), "login.salesforce.com", "orgs.main.login_url", "form the schema shows"),
        ((*ORG, "login_url"), "http://acme.my.salesforce.com", "orgs.main", "use https"),
        ((*ORG, "auth", "flow"), "password", "orgs.main.auth", "Use 'jwt_bearer' or 'client_credentials'"),
        ((*ORG, "auth", "flow"), REMOVE, "orgs.main.auth", "Add 'flow: jwt_bearer'"),
        ((*ORG, "auth", "username"), REMOVE, "orgs.main.auth.username", "Add it"),
        ((*ORG, "auth", "private_key"), {}, "orgs.main.auth.private_key", "exactly one of 'file' and 'env'"),
        ((*ORG, "auth", "private_key"), {"file": "a", "env": "B"}, "orgs.main.auth.private_key", "exactly one"),
        ((*ORG, "auth", "private_key"), {"env": "not a name"}, "orgs.main.auth.private_key.env", "form"),
        ((*ORG, "api_version"), "latest", "orgs.main.api_version", "form the schema shows"),
        ((*ORG, "currency"), "eur", "orgs.main.currency", "form the schema shows"),
        ((*ORG, "timeout_seconds"), 121, "orgs.main.timeout_seconds", "less than or equal to 120"),
        ((*ORG, "pubsub", "endpoint"), "api.pubsub.salesforce.com", "orgs.main.pubsub.endpoint", "form"),
        ((*ORG, "stream"), "grpc", "orgs.main.stream", "'pubsub' or 'cometd'"),
        ((*ORG, "cometd"), {"silence_seconds": 0}, "orgs.main.cometd.silence_seconds", "greater than or equal to 1"),
        (ORG, DOCUMENT["orgs"]["main"] | {"stream": "cometd", "api_version": "51.0"}, "orgs.main", "52.0 or later"),
        ((*ORG, "pubsub", "plaintext"), True, "orgs.main.pubsub", "allowed on this machine only"),
        ((*ORG, "pubsub", "topics"), [], "orgs.main.pubsub.topics", "at least 1"),
        ((*ORG, "pubsub", "silence_seconds"), 0, "orgs.main.pubsub.silence_seconds", "greater than or equal to 1"),
        ((*ENTITY, "org"), "other", "the file", "entities.acme-gmbh.org names 'other', which is not under 'orgs'"),
        ((*ENTITY, "organisation"), "x", "entities.acme-gmbh.organisation", "Remove it, or correct its spelling"),
        ((*ENTITY, "checkout", "success_url"), "acme.example", "entities.acme-gmbh.checkout.success_url", "form"),
        ((*STRIPE, "account"), "acme", "entities.acme-gmbh.stripe.account", "form the schema shows"),
        ((*STRIPE, "livemode"), REMOVE, "entities.acme-gmbh.stripe.livemode", "Add it"),
        ((*STRIPE, "livemode"), True, "the file", "joins live Stripe keys to a Salesforce sandbox"),
        ((*STRIPE, "webhook_secrets"), [], "entities.acme-gmbh.stripe", "webhook_secrets has none"),
        ((*STRIPE, "webhook_secrets"), [{"env": "A"}] * 11, "entities.acme-gmbh.stripe.webhook_secrets", "at most 10"),
        ((*ENTITY, "customer_field"), "a b", "entities.acme-gmbh.customer_field", "form the schema shows"),
        ((*ENTITY, "customer_field"), "Stripe_Customer_Id_Inc__c", "the file", "is also that of 'acme-gmbh'"),
        ((*STRIPE, "api_base"), "http://stripe.example", "entities.acme-gmbh.stripe", "use https"),
        ((*STRIPE, "timeout_seconds"), 0, "entities.acme-gmbh.stripe.timeout_seconds", "greater than or equal to 1"),
        (("mappings",), {"other": {}}, "the file", "mappings.other is not the name of an org"),
        (("mappings",), {"main": {"Payment__c": {"object": "a b"}}}, "mappings.main.Payment__c.object", "form"),
    ],
)
def test_every_fault_names_its_field_and_the_remedy(
    tmp_path: Path, path: tuple[Any, ...], value: Any, field: str, words: str
) -> None:
    found = fault(tmp_path, changed(path, value))
    assert found.field == field
    assert words in found.message
    assert found.message == f"{found.field}: {found.fault}. {found.remedy}"
    assert found.metadata == {"field": field}


def test_all_faults_are_behind_the_first(tmp_path: Path) -> None:
    document = changed((*ORG, "org_id"), REMOVE)
    document["orgs"]["main"]["colour"] = "blue"
    document["entities"]["acme-inc"]["stripe"]["livemode"] = "perhaps"
    found = fault(tmp_path, document)
    assert "(2 more after this one)" in found.message
    assert [one.field for one in found.others] == ["orgs.main.colour", "entities.acme-inc.stripe.livemode"]
    assert all(one.fault and one.remedy for one in found.others)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ((*STRIPE, "secret_key"), "entities.acme-gmbh.stripe.secret_key"),
        ((*STRIPE, "webhook_secrets", 0), "entities.acme-gmbh.stripe.webhook_secrets.0"),
        ((*ORG, "auth", "private_key"), "orgs.main.auth.private_key"),
    ],
)
def test_a_secret_in_the_file_itself_is_refused_and_not_repeated(
    tmp_path: Path, path: tuple[Any, ...], field: str
) -> None:
    found = fault(tmp_path, changed(path, "sk_live_verysecret"))
    assert found.field == field
    assert "'env: NAME' or 'file: PATH'" in found.remedy
    assert "verysecret" not in repr(found) + str(found.__cause__) + str(found.metadata)
    assert found.__suppress_context__, "the library's error quotes its input"


@given(st.text(min_size=12, alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="%")))
def test_no_value_of_the_file_is_ever_repeated(value: str) -> None:
    for path in ((*STRIPE, "secret_key"), (*STRIPE, "account"), (*ORG, "org_id"), (*ORG, "auth", "private_key", "env")):
        with pytest.raises(ConfigurationError) as caught:
            from_document(changed(path, f"zz {value}"))
        assert f"zz {value}" not in caught.value.message


def from_document(document: Any) -> Installation:
    from service.config._load import parse_installation  # noqa: PLC0415  (what load_installation does after YAML)

    return parse_installation(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\norgs: [\n", "is not YAML at line 3"),
        ("version: 1\n\tindented: by tab\n", "is not YAML at line 2"),
        ("version: 1\nversion: 1\n", "a key is there twice at line 2"),
        ("orgs:\n  main: {a: 1, a: 2}\n", "a key is there twice at line 2"),
        ("version: 2026-13-01\n", "such as a 13th month"),
        ("!!python/object/apply:os.system ['true']\n", "is not YAML at line 1"),
        ("[" * 5000, "counterfoil.yaml"),
        ("", "the file"),
        ("- a\n- b\n", "the file"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "counterfoil.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_installation(path)
    assert words in caught.value.message


@given(st.binary(max_size=60) | st.text(max_size=60, alphabet="[]{}:,-!&*#\n \"'a1%@|>?").map(str.encode))
def test_whatever_the_file_holds_the_answer_is_one_sentence(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_installation(path)


def test_a_file_that_cannot_be_read_or_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="COUNTERFOIL_CONFIG_FILE"):
        load_installation(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_installation(tmp_path)
    long = tmp_path / "long.yaml"
    long.write_bytes(b"#" * 4_194_305)
    with pytest.raises(ConfigurationError, match="over 4 MiB"):
        load_installation(long)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://anywhere.example"]
)
def test_plain_text_stays_on_this_machine(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, changed((*STRIPE, "api_base"), url)).entities["acme-gmbh"].stripe.api_base == url
    assert load(tmp_path, changed((*ORG, "login_url"), url)).orgs["main"].login_url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1.evil.example", "http://localhost.example", "http://10.0.0.1"])
def test_a_name_that_only_looks_like_this_machine_is_not_it(tmp_path: Path, url: str) -> None:
    assert "use https" in fault(tmp_path, changed((*STRIPE, "api_base"), url)).message


def test_everything_is_frozen() -> None:
    installation = load_installation(EXAMPLE)
    auth = installation.orgs["main"].auth
    assert isinstance(auth, JwtBearer)
    for thing, field in (
        (installation, "version"),
        (installation.orgs["main"], "org_id"),
        (auth, "username"),
        (auth.private_key, "env"),
        (installation.entities["acme-gmbh"].stripe, "livemode"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, field, None)


def test_entities_of_an_org_come_in_the_order_of_the_file() -> None:
    installation = load_installation(EXAMPLE)
    assert installation.entities_of("main") == ("acme-gmbh", "acme-inc")
    assert installation.entities_of("other") == ()
