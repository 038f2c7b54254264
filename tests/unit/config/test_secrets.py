"""A secret is read from where it is named, and never repeated."""

from pathlib import Path

import pytest

from service.config import SecretRef
from service.errors import ConfigurationError
from tests.support.waiting import until


def test_from_a_file_and_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("  s3cret\n")
    assert SecretRef(file=tmp_path / "secret").read("x") == "s3cret"
    monkeypatch.setenv("SOME_SECRET", " s3cret ")
    assert SecretRef(env="SOME_SECRET").read("x") == "s3cret"


def test_a_missing_one_names_the_field_and_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "  ")
    with pytest.raises(ConfigurationError, match=r"entities\.a\.secret_key: the environment variable SOME_SECRET"):
        SecretRef(env="SOME_SECRET").read("entities.a.secret_key")
    with pytest.raises(ConfigurationError, match=r"x: the file .*none cannot be read \(No such file"):
        SecretRef(file=tmp_path / "none").read("x")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SecretRef(file=tmp_path).read("x")


@pytest.mark.parametrize("content", [b"", b" \n", b"verysecret" * 2000])
def test_an_empty_or_endless_file_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigurationError, match="empty or over 16 KiB") as caught:
        SecretRef(file=tmp_path / "secret").read("x")
    assert "verysecret" not in str(caught.value)
    assert caught.value.field == "x"


async def test_a_secret_in_a_file_is_taken_anew_and_a_broken_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("one")
    told: list[tuple[str, str]] = []
    secret = SecretRef(file=path).watched("x", lambda action, field: told.append((action, field)))
    assert secret.value() == "one"
    path.write_text("")
    await until(lambda: secret.value() == "one" and told == [("secret.unread", "x")])
    path.write_text("two")
    await until(lambda: secret.value() == "two")
    path.unlink()
    await until(lambda: secret.value() == "two" and len(told) == 3)
    assert told == [("secret.unread", "x"), ("secret.renewed", "x"), ("secret.unread", "x")]


def test_a_secret_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "one")
    secret = SecretRef(env="SOME_SECRET").watched("x", lambda _action, _field: None)
    monkeypatch.setenv("SOME_SECRET", "two")
    assert secret.value() == "one"
