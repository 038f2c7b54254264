"""The environment: limits, agreement between settings, and secrets that stay unsaid."""

from pathlib import Path

import annotated_types
import pytest
from pydantic import ValidationError

from service.config import Role, Settings, load_settings
from service.errors import ConfigurationError

NUMBERS = [
    (name, {type(rule): rule for rule in field.metadata})
    for name, field in Settings.model_fields.items()
    if field.annotation in {int, float}
]
IDS = [name for name, _ in NUMBERS]
APART = {"worker_stalled_seconds", "worker_heartbeat_seconds"}  # they bind each other as well


@pytest.mark.parametrize(("name", "rules"), NUMBERS, ids=IDS)
def test_every_number_is_limited_on_both_sides(
    monkeypatch: pytest.MonkeyPatch, name: str, rules: dict[type, annotated_types.BaseMetadata]
) -> None:
    least, most = rules[annotated_types.Ge], rules[annotated_types.Le]
    assert isinstance(least, annotated_types.Ge)
    assert isinstance(most, annotated_types.Le)
    for value in (float(str(least.ge)) - 1, float(str(most.le)) + 1, "many"):
        monkeypatch.setenv(f"COUNTERFOIL_{name.upper()}", str(value))
        with pytest.raises(ConfigurationError) as caught:
            load_settings()
        assert caught.value.field == f"COUNTERFOIL_{name.upper()}"
        assert "many" not in caught.value.message
    if name not in APART:
        for limit in (least.ge, most.le):
            monkeypatch.setenv(f"COUNTERFOIL_{name.upper()}", str(limit))
            assert getattr(load_settings(), name) == limit


@pytest.mark.parametrize(
    ("variables", "field", "words"),
    [
        ({"DATABASE_URL": "postgresql://a", "DATABASE_URL_FILE": "b"}, "the environment", "keep one"),
        ({"GRPC_TLS_CERT_FILE": "a"}, "the environment", "set both or none"),
        ({"GRPC_HOST": "0.0.0.0"}, "the environment", "without TLS"),  # noqa: S104  (that is the fault)
        ({"WORKER_STALLED_SECONDS": "4"}, "the environment", "more than twice"),
        ({"LOG_LEVEL": "loud"}, "COUNTERFOIL_LOG_LEVEL", "'debug', 'info', 'warning' or 'error'"),
        ({"TELEMETRY_EXPORTER": "otlp", "OTLP_ENDPOINT": "collector:4317"}, "COUNTERFOIL_OTLP_ENDPOINT", "form"),
        ({"MIGRATE_ON_START": "perhaps"}, "COUNTERFOIL_MIGRATE_ON_START", "boolean"),
    ],
)
def test_every_fault_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], field: str, words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"COUNTERFOIL_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert caught.value.field == field
    assert words in caught.value.message


def test_plain_grpc_to_other_machines_needs_consent_or_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_GRPC_HOST", "0.0.0.0")  # noqa: S104  (that is the matter)
    for name, value in (("GRPC_ALLOW_PLAINTEXT", "true"), ("GRPC_TLS_CERT_FILE", "a")):
        with monkeypatch.context() as inner:
            inner.setenv(f"COUNTERFOIL_{name}", value)
            inner.setenv("COUNTERFOIL_GRPC_TLS_KEY_FILE", "b" if "CERT" in name else "")
            assert load_settings().grpc_host == "0.0.0.0"  # noqa: S104  (likewise)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_WEB_PORT", "1234")
    assert load_settings().web_port == 1234
    assert load_settings(web_port=0).web_port == 0


def test_the_url_of_the_database_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_DATABASE_URL", "postgresql://user:hunter2@host/db")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    monkeypatch.setenv("COUNTERFOIL_DATABASE_URL_FILE", "other")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in repr(caught.value) + str(caught.value.__cause__)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().web_port = 1  # type: ignore[misc]  # the checker knows it too


def test_the_embedded_database_keeps_out_of_home_folders_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert load_settings().data_dir == Path("/var/lib/counterfoil")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert load_settings().data_dir == Path("/somewhere/counterfoil")


def test_the_roles() -> None:
    assert [role.value for role in Role] == ["web", "grpc", "worker", "subscriber"]
