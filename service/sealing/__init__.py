"""Sealing: what customers' content looks like at rest, when a keyring is configured: AES-256-GCM, by keys of a file.

Verbs: seal a text of a column, open it, read a keyring and watch its file, make a new key. Touches no table and no
vendor; a key service may be asked to unwrap keys. Refuses to open what was changed, moved to another column, or sealed
with a key that is not there: such a text is never taken for content.
"""

from service.sealing._keyring import Key, Keyring, entry, read_keyring
from service.sealing._services import CommandKeyService, KeyService, key_service
from service.sealing._vault import Vault, open_vault
from service.sealing._words import PLAIN_KEY, SEALED, key_of

__all__ = [
    "PLAIN_KEY",
    "SEALED",
    "CommandKeyService",
    "Key",
    "KeyService",
    "Keyring",
    "Vault",
    "entry",
    "key_of",
    "key_service",
    "open_vault",
    "read_keyring",
]
