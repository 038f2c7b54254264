"""The keyring: a YAML or JSON file of keys, each with an id and the time from which new texts are sealed with it.

That time lies ahead when a key is added, so that every process has read it before the first one uses it. A key stays in
the file as long as anything is sealed with it. Refuses a file with a fault in any key: half of one is never used.
"""

import base64
import binascii
import os
from bisect import bisect_right
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Self

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from service.errors import ConfigurationError
from service.sealing._services import KEY_BYTES, KeyService
from service.sealing._words import KEY_PATTERN

FIELD = "COUNTERFOIL_ENCRYPTION_KEYS_FILE"
_REMEDY = "Let 'counterfoil keys new' write the entry, and keep the others as they are"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, BeforeValidator(str), Field(pattern=KEY_PATTERN)]
    since: AwareDatetime
    key: str | None = None
    wrapped: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.key is None) == (self.wrapped is None):
            raise ValueError("needs exactly one of 'key' and 'wrapped'")
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: tuple[_Entry, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: 32 bytes, of which only the cipher made of them is kept."""

    id: str
    since: datetime
    cipher: AESGCM = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys by id, and in the order in which they come into use."""

    by_id: Mapping[str, Key]
    in_order: Sequence[Key]

    def current(self, now: datetime) -> Key:
        """Return the newest key that is in use by `now`; the first one where none is yet."""
        return self.in_order[max(bisect_right(self.in_order, now, key=lambda key: key.since) - 1, 0)]


def read_keyring(text: str, service: KeyService | None, unwrapped: MutableMapping[str, bytes]) -> Keyring:
    """Return the keys of a keyring's text; `unwrapped` remembers what the service was asked already.

    Raises:
        ConfigurationError: the file or a key is not as it must be; names the key's id, never a key.
    """
    keys: dict[str, Key] = {}
    for one in _parse(text).keys:
        if one.id in keys:
            raise ConfigurationError(FIELD, f"the key {one.id} is there twice", _REMEDY)
        keys[one.id] = Key(one.id, one.since, AESGCM(_bytes(one, service, unwrapped)))
    return Keyring(keys, sorted(keys.values(), key=lambda key: key.since))


def _parse(text: str) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise ConfigurationError(FIELD, "is neither YAML nor JSON", _REMEDY) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(FIELD, f"{place or 'the file'}: {first['msg']}", _REMEDY) from None


def _bytes(one: _Entry, service: KeyService | None, unwrapped: MutableMapping[str, bytes]) -> bytes:
    if one.key is not None:
        try:
            raw = base64.b64decode(one.key, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
    else:
        raw = unwrapped.get(one.wrapped or "") or _unwrap(one, service)
        unwrapped[one.wrapped or ""] = raw
    if len(raw) != KEY_BYTES:
        raise ConfigurationError(FIELD, f"the key {one.id} is not of {KEY_BYTES} bytes in base64", _REMEDY)
    return raw


def _unwrap(one: _Entry, service: KeyService | None) -> bytes:
    if service is None:
        remedy = "Set COUNTERFOIL_ENCRYPTION_UNWRAP_COMMAND or COUNTERFOIL_ENCRYPTION_KEY_SERVICE"
        raise ConfigurationError(FIELD, f"the key {one.id} is wrapped, and no key service is set", remedy)
    try:
        return service.unwrap(one.wrapped or "")
    except ConfigurationError:
        raise
    except Exception as error:
        fault = f"the key service does not unwrap the key {one.id} ({type(error).__name__})"
        raise ConfigurationError(FIELD, fault, "See that it answers, and that we may ask it") from error


def entry(key_id: str, since: datetime, service: KeyService | None) -> str:
    """Return the lines of a new key for the keyring, wrapped if there is a key service.

    Raises:
        ConfigurationError: the id is of a wrong form, or the service does not wrap it.
    """
    raw = os.urandom(KEY_BYTES)
    text = {"key": base64.b64encode(raw).decode()} if service is None else {"wrapped": service.wrap(raw)}
    values = {"id": key_id, "since": since.isoformat(timespec="seconds"), **text}
    _parse(yaml.safe_dump({"keys": [values]}))
    lines = yaml.safe_dump(values, sort_keys=False, width=10_000).splitlines()
    return "\n".join(f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))
