"""The vault: seals and opens texts with the keys of a keyring, whose file is read again when it changes.

Without a keyring it lets texts through as they are, and still refuses sealed ones. What is bound to a text besides its
key is the column it is stored in: a text that somebody copied to another column does not open.
"""

import base64
import binascii
import os
import threading
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag

from service import telemetry
from service.clock import Clock, SystemClock
from service.config import SecretRef, Settings
from service.errors import ConfigurationError, Unreadable
from service.sealing._keyring import FIELD, Key, Keyring, read_keyring
from service.sealing._services import KeyService, key_service
from service.sealing._words import ESCAPED, SEALED

# NIST SP 800-38D, 8.2.2: the random nonce of a ciphertext.
_NONCE_BYTES = 12
_Stamp = tuple[int, int, int] | None


class Vault:
    """Seals and opens texts; used by any number of threads.

    Raises:
        ConfigurationError: the keyring cannot be read, or a key cannot be unwrapped.
    """

    def __init__(self, path: Path | None = None, service: KeyService | None = None, clock: Clock | None = None) -> None:
        self._path = path
        self._service = service
        self._clock = clock or SystemClock()
        self._unwrapped: dict[str, bytes] = {}
        self._reading = threading.Lock()
        self._stamp = self._told = self._look()
        self._keyring = None if path is None else self._read(path)

    @property
    def seals(self) -> bool:
        """Whether new texts are sealed."""
        return self._keyring is not None

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the keys there are."""
        return frozenset(self._keyring.by_id if self._keyring else ())

    @property
    def current_id(self) -> str | None:
        """The id of the key that new texts are sealed with."""
        key = self._current()
        return None if key is None else key.id

    def seal(self, place: str, text: str) -> str:
        """Return a text as it is stored in the column `place` ("table.column")."""
        key = self._current()
        if key is None:
            return ESCAPED + text if text.startswith((SEALED, ESCAPED)) else text
        nonce = os.urandom(_NONCE_BYTES)
        head = f"{SEALED}{key.id}."
        sealed = key.cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), (head + place).encode())
        return head + base64.b64encode(nonce + sealed).decode("ascii")

    def open(self, place: str, stored: str) -> str:
        """Return the text that is stored in the column `place`.

        Raises:
            Unreadable: its key is not there, or it is not what was sealed for this column.
        """
        if stored.startswith(ESCAPED):
            return stored[len(ESCAPED) :]
        if not stored.startswith(SEALED):
            return stored
        key_id, _, encoded = stored[len(SEALED) :].partition(".")
        cipher = self._key(place, key_id).cipher
        try:
            raw = base64.b64decode(encoded, validate=True)
            bound = f"{SEALED}{key_id}.{place}".encode()
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound).decode("utf-8", "surrogatepass")
        except (InvalidTag, binascii.Error, ValueError):
            raise Unreadable(
                place, key_id, "was changed or moved, or sealed with another key of that id: restore the row or the key"
            ) from None

    def refresh(self) -> None:
        """Take the keyring anew if its file changed; one that cannot be taken leaves the former keys in use.

        May ask the key service, for as long as that takes.
        """
        with self._reading:
            stamp = self._look()
            if self._path is None or stamp == self._stamp:
                return
            try:
                self._keyring = self._read(self._path)
            except ConfigurationError:
                if stamp != self._told:
                    telemetry.tell_secret("secret.unread", FIELD)
                self._told = stamp
                return  # asked again at the next look: it may be the key service that failed
            self._stamp = self._told = stamp
            telemetry.tell_secret("secret.renewed", FIELD)

    def _current(self) -> Key | None:
        return None if self._keyring is None else self._keyring.current(self._now())

    def _now(self) -> datetime:
        return self._clock.now()

    def _key(self, place: str, key_id: str) -> Key:
        key = None if self._keyring is None else self._keyring.by_id.get(key_id)
        if key is None and self._path is not None:
            self.refresh()  # another process may have read the new file before us
            key = None if self._keyring is None else self._keyring.by_id.get(key_id)
        if key is None:
            missing = "is not in the keyring" if self._path else "is needed, and no keyring is set"
            raise Unreadable(place, key_id, f"cannot be opened: that key {missing}. Put it into {FIELD}")
        return key

    def _read(self, path: Path) -> Keyring:
        return read_keyring(SecretRef(file=path).read(FIELD), self._service, self._unwrapped)

    def _look(self) -> _Stamp:
        """Return what tells one content of the file from another; None without a file."""
        try:
            status = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None


def open_vault(settings: Settings) -> Vault:
    """Return the vault of the settings; without a keyring one that seals nothing.

    Raises:
        ConfigurationError: the keyring cannot be read, or a key cannot be unwrapped.
    """
    return Vault(settings.encryption_keys_file, key_service(settings))
