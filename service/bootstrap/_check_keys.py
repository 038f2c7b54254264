"""Checking encryption at rest: whether it is on, whether others can read its keys, and whether any key is missing."""

from collections.abc import Iterator
from stat import S_IROTH

from sqlalchemy.exc import SQLAlchemyError

from service.config import Settings
from service.db import open_database
from service.maintenance import Finding, fault, note, ok
from service.maintenance.keys import list_keys
from service.sealing import PLAIN_KEY, Vault

_FIELD, _CHECK = "COUNTERFOIL_ENCRYPTION_KEYS_FILE", "encryption"
_COUNT_SECONDS = 20


def encryption(settings: Settings, vault: Vault) -> Iterator[Finding]:
    """Tell whether encryption is on, by which key."""
    path = settings.encryption_keys_file
    if path is None:
        yield ok(_FIELD, _CHECK, "off: customers' content is stored as it is")
        return
    yield ok(_FIELD, _CHECK, f"on, with the key {vault.current_id} of {len(vault.key_ids)}")
    if path.stat().st_mode & S_IROTH:
        yield note(_FIELD, _CHECK, f"{path} can be read by every user", "Let this user alone read it: chmod 0400")


async def keys_in_use(url: str, vault: Vault) -> list[Finding]:
    """Tell which keys are missing that something is sealed with, and how much is not sealed though it should be."""
    database = open_database(url, pool_size=2, vault=vault)
    try:
        async with database.read() as tx:
            found = await list_keys(tx, seconds=_COUNT_SECONDS)
    except SQLAlchemyError:
        return [note("database", _CHECK, "there is too much to be counted here", "Run 'counterfoil keys list'")]
    finally:
        await database.close()
    texts: dict[str, int] = {}
    for one in found:
        texts[one.key_id] = texts.get(one.key_id, 0) + one.texts
    plain = texts.pop(PLAIN_KEY, 0)
    missing = {key_id: number for key_id, number in texts.items() if key_id not in vault.key_ids}
    findings = [
        fault(
            "database", _CHECK, f"{number} texts need the key {key_id}, which is missing", f"Put it back into {_FIELD}"
        )
        for key_id, number in sorted(missing.items())
    ]
    if plain and vault.seals:
        detail = f"{plain} texts are not encrypted yet"
        findings.append(note("database", _CHECK, detail, "Run 'counterfoil keys rotate'"))
    return findings
