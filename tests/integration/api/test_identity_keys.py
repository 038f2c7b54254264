"""Keys at a URL over days: how often they are read, and how long they stay in use."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiohttp import web

from service.access._keys import UrlKeys
from service.errors import IdentityKeysUnavailable
from tests.support.identities import SigningKey, jwk_set

KEY, NEXT = SigningKey.new("one"), SigningKey.new("two")


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, **span: float) -> None:
        self.moment += timedelta(**span)

    def new_id(self) -> UUID:
        return UUID(int=0)

    def jitter(self, span: timedelta) -> timedelta:
        return span


class Issuer:
    """Serves a JWK Set, and counts how often it is read."""

    def __init__(self) -> None:
        self.body = jwk_set(KEY)
        self.status = 200
        self.reads = 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.reads += 1
        return web.Response(status=self.status, body=self.body)


@pytest.fixture
async def served() -> AsyncIterator[tuple[Issuer, ManualClock, UrlKeys]]:
    issuer, clock, app = Issuer(), ManualClock(), web.Application()
    app.router.add_get("/jwks", issuer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    keys = UrlKeys(f"http://127.0.0.1:{runner.addresses[0][1]}/jwks", clock, timedelta(minutes=5))
    yield issuer, clock, keys
    await keys.close()
    await runner.cleanup()


async def known(keys: UrlKeys, key: SigningKey) -> bool:
    return bool(await keys.candidates(key.key_id, "ES256"))


async def test_a_new_key_is_found_when_a_token_names_it(served: tuple[Issuer, ManualClock, UrlKeys]) -> None:
    issuer, clock, keys = served
    assert await known(keys, KEY)
    issuer.body = jwk_set(KEY, NEXT)
    assert not await known(keys, NEXT), "not asked again within ten seconds"
    clock.pass_by(seconds=11)
    assert await known(keys, NEXT)
    assert issuer.reads == 2


async def test_a_key_that_was_taken_out_is_gone_when_the_keys_are_old(
    served: tuple[Issuer, ManualClock, UrlKeys],
) -> None:
    issuer, clock, keys = served
    assert await known(keys, KEY)
    issuer.body = jwk_set(NEXT)
    clock.pass_by(minutes=4)
    assert await known(keys, KEY)
    clock.pass_by(minutes=2)
    assert not await known(keys, KEY)


@pytest.mark.parametrize(("status", "body"), [(500, b""), (302, b""), (200, b"no JSON"), (200, b"[]"), (200, b"{}")])
async def test_an_issuer_that_fails_leaves_its_keys_in_use_for_a_day(
    served: tuple[Issuer, ManualClock, UrlKeys], status: int, body: bytes
) -> None:
    issuer, clock, keys = served
    assert await known(keys, KEY)
    issuer.status, issuer.body = status, body
    clock.pass_by(hours=23)
    assert await known(keys, KEY)
    clock.pass_by(hours=2)
    with pytest.raises(IdentityKeysUnavailable):
        await known(keys, KEY)


async def test_shared_secrets_and_keys_for_encryption_are_no_keys(
    served: tuple[Issuer, ManualClock, UrlKeys],
) -> None:
    issuer, _, keys = served
    issuer.body = (
        jwk_set(KEY).replace(b'"sig"', b'"enc"').replace(b'"keys": [', b'"keys": [{"kty":"oct","k":"YQ"}, 7, ')
    )
    assert not await keys.candidates(None, "ES256")
    assert not await keys.candidates(None, "HS256")
