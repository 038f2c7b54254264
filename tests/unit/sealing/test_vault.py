"""Texts are sealed for one column with the newest key, and what does not hold is never taken for content."""

import base64
import json
import os
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clock import SystemClock
from service.config import load_settings
from service.errors import ConfigurationError, Unreadable
from service.sealing import CommandKeyService, Keyring, Vault, entry, key_of, open_vault, read_keyring
from tests.support.sealed import keyring

PLACE = "mirror.body"


class At(SystemClock):
    """A clock that stands where it is put."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(keyring(tmp_path_factory.mktemp("keys") / "keys.yaml", "one"))


@given(text=st.text())
def test_any_text_comes_back_and_is_not_to_be_seen(text: str, vault: Vault) -> None:
    stored = vault.seal(PLACE, text)
    assert key_of(stored) == "one"
    assert vault.open(PLACE, stored) == text
    assert vault.seal(PLACE, text) != stored  # equal texts are not to be told by their look


@given(text=st.one_of(st.text(), st.sampled_from(["cf1.", "cf0.", "cf0.cf1.x", "cf1.one.AAAA", "{}"])))
def test_any_plain_text_comes_back_also_with_a_keyring(text: str, vault: Vault) -> None:
    plain = Vault()
    assert key_of(plain.seal(PLACE, text)) == ""
    assert plain.open(PLACE, plain.seal(PLACE, text)) == vault.open(PLACE, plain.seal(PLACE, text)) == text


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_every_bit_of_it_counts(place: int, bit: int, vault: Vault) -> None:
    head, encoded = vault.seal(PLACE, "Fenwick Optics").rsplit(".", 1)
    raw = bytearray(base64.b64decode(encoded))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(Unreadable, match="'one', was changed or moved"):
        vault.open(PLACE, f"{head}.{base64.b64encode(raw).decode()}")


@pytest.mark.parametrize("stored", ["cf1.", "cf1.one", "cf1.one.", "cf1.one.AAAA", "cf1.one.#", "cf1.one.é"])
def test_what_only_looks_sealed_is_refused(stored: str, vault: Vault) -> None:
    with pytest.raises(Unreadable):
        vault.open(PLACE, stored)


def test_of_another_column_it_does_not_open(vault: Vault) -> None:
    with pytest.raises(Unreadable) as caught:
        vault.open("inbox.payload", vault.seal(PLACE, "Fenwick Optics"))
    assert (caught.value.place, caught.value.key_id) == ("inbox.payload", "one")
    assert "Fenwick" not in str(caught.value)


def test_a_missing_key_is_named_with_the_remedy(vault: Vault, tmp_path: Path) -> None:
    stored = vault.seal(PLACE, "Fenwick Optics")
    with pytest.raises(Unreadable, match=r"'one'.*not in the keyring.*COUNTERFOIL_ENCRYPTION_KEYS_FILE"):
        Vault(keyring(tmp_path / "other.yaml", "two")).open(PLACE, stored)
    with pytest.raises(Unreadable, match=r"'one'.*no keyring is set"):
        Vault().open(PLACE, stored)


def test_a_key_is_used_from_its_time_on_and_an_older_one_still_opens(tmp_path: Path) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    clock = At(start)
    path = keyring(tmp_path / "keys.yaml", "old", since=start - timedelta(days=1))
    vault = Vault(path, clock=clock)
    stored = vault.seal(PLACE, "x")
    keyring(path, "old", "new", since=start - timedelta(days=1), step=timedelta(days=2))
    vault.refresh()
    assert vault.current_id == "old"
    assert vault.key_ids == {"old", "new"}
    clock.moment = start + timedelta(days=1)
    assert key_of(vault.seal(PLACE, "x")) == "new"
    assert vault.open(PLACE, stored) == "x"


def test_a_broken_file_leaves_the_keys_in_use_and_a_mended_one_is_taken(tmp_path: Path) -> None:
    path = keyring(tmp_path / "keys.yaml", "one")
    vault = Vault(path)
    for broken in ("", "keys: [", "keys: []", "keys: [{id: one}]"):
        path.write_text(broken)
        vault.refresh()
        assert vault.current_id == "one"
    path.unlink()
    vault.refresh()
    assert vault.key_ids == {"one"}
    keyring(path, "one", "two")
    vault.refresh()
    assert vault.current_id == "two"


def test_a_text_of_a_key_that_another_process_knows_already_is_a_reason_to_look(tmp_path: Path) -> None:
    path = keyring(tmp_path / "keys.yaml", "one")
    here = Vault(path)
    keyring(path, "one", "two")
    assert here.open(PLACE, Vault(path).seal(PLACE, "x")) == "x"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("keys: [", "neither YAML nor JSON"),
        ("[]", "the file"),
        ("keys: []", "keys"),
        ("keys: [{id: 'a b', since: 2026-11-01T00:00:00Z, key: s3cret}]", "keys.0.id"),
        ("keys: [{id: a, since: 2026-11-01T00:00:00, key: s3cret}]", "keys.0.since"),
        ("keys: [{id: a, since: 2026-11-01T00:00:00Z}]", "exactly one of 'key' and 'wrapped'"),
        ("keys: [{id: a, since: 2026-11-01T00:00:00Z, key: s3cret}]", "the key a is not of 32 bytes"),
        ("keys: [{id: a, since: 2026-11-01T00:00:00Z, wrapped: s3cret}]", "no key service is set"),
    ],
)
def test_a_wrong_keyring_is_refused_and_nothing_of_it_repeated(text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault) as caught:
        read_keyring(text, None, {})
    assert "s3cret" not in str(caught.value)


def test_an_id_cannot_be_there_twice() -> None:
    one = entry("a", datetime(2026, 11, 1, tzinfo=UTC), None)
    with pytest.raises(ConfigurationError, match="the key a is there twice"):
        read_keyring(f"keys:\n{one}\n{one}", None, {})


def test_json_is_a_keyring_too() -> None:
    key = {"id": "a", "since": "2026-11-01T00:00:00Z", "key": base64.b64encode(os.urandom(32)).decode()}
    assert list(read_keyring(json.dumps({"keys": [key]}), None, {}).by_id) == ["a"]


class Mirrored:
    """A key service that turns keys round; how often it was asked stands in `asked`."""

    asked: list[str] = []  # noqa: RUF012  (shared on purpose)

    def wrap(self, data_key: bytes) -> str:
        return data_key[::-1].hex()

    def unwrap(self, wrapped: str) -> bytes:
        self.asked.append(wrapped)
        return bytes.fromhex(wrapped)[::-1]


def test_a_wrapped_key_is_unwrapped_once_and_a_service_of_ones_own_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = entry("kms", datetime(2026, 11, 1, tzinfo=UTC), Mirrored())
    path = tmp_path / "keys.yaml"
    path.write_text(f"keys:\n{line}\n")
    monkeypatch.setenv("COUNTERFOIL_ENCRYPTION_KEYS_FILE", str(path))
    monkeypatch.setenv("COUNTERFOIL_ENCRYPTION_KEY_SERVICE", "my_keys:Mirrored")
    installed = ModuleType("my_keys")
    installed.__dict__["Mirrored"] = Mirrored
    monkeypatch.setitem(sys.modules, "my_keys", installed)
    Mirrored.asked.clear()
    vault = open_vault(load_settings())
    path.write_text(f"keys:\n{line}\n# looked at again\n")
    vault.refresh()
    assert vault.open(PLACE, vault.seal(PLACE, "x")) == "x"
    assert len(Mirrored.asked) == 1


def program(folder: Path, name: str, body: str) -> str:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\ngiven = sys.stdin.read()\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_commands_wrap_and_unwrap(tmp_path: Path) -> None:
    turn = program(tmp_path, "turn", "print(given[::-1])")
    service = CommandKeyService(turn, turn)
    line = entry("kms", datetime(2026, 11, 1, tzinfo=UTC), service)
    found: Keyring = read_keyring(f"keys:\n{line}", service, {})
    assert list(found.by_id) == ["kms"]


@pytest.mark.parametrize(
    ("body", "fault"), [("sys.exit(3)", "code 3"), ("print('#s3cret')", "no base64"), ("print('YQ==')", "32 bytes")]
)
def test_a_command_that_fails_is_named_without_what_it_printed(tmp_path: Path, body: str, fault: str) -> None:
    service = CommandKeyService(program(tmp_path, "unwrap", body), None)
    with pytest.raises(ConfigurationError, match=fault) as caught:
        read_keyring("keys: [{id: a, since: 2026-11-01T00:00:00Z, wrapped: x}]", service, {})
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot be run"):
        CommandKeyService(str(tmp_path / "none"), None).unwrap("x")
    with pytest.raises(ConfigurationError, match="WRAP_COMMAND"):
        service.wrap(b"x")
