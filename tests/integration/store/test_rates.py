"""Turns at an account, shared by processes through PostgreSQL: never more than the limit, and no caller piles up."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from service.clients import StripeApi
from service.clock import SystemClock
from service.config import SecretRef, StripeAccount
from service.db import Database
from service.errors import VendorUnavailable
from service.rates import Limits, Pace
from tests.support.scripted_vendor import Reply, Request, vendor


async def _timed(paces: Sequence[Pace], turns: int, *endpoints: str) -> list[float]:
    """Take turns as fast as they are given, from several processes; return when each was given, in seconds."""
    loop = asyncio.get_running_loop()

    async def take(number: int) -> float:
        pace, endpoint = paces[number % len(paces)], endpoints[number % len(endpoints)]
        while await pace.turn(endpoint) is not None:
            pass
        return loop.time()

    return sorted(await asyncio.gather(*(take(number) for number in range(turns))))


async def test_three_processes_together_keep_the_limit_of_an_endpoint(database: Database) -> None:
    paces = [Pace(database, "acme", Limits(account=1000, endpoint=50)) for _ in range(3)]
    moments = await _timed(paces, 90, "refund.create")
    # Ten at once, then forty a second; a machine that is slow makes it longer, never shorter.
    assert moments[-1] - moments[0] >= (90 - 10 - 1) / 40 * 0.9


async def test_all_endpoints_together_keep_the_limit_of_the_account(database: Database) -> None:
    paces = [Pace(database, "acme", Limits(account=50, endpoint=1000)) for _ in range(2)]
    moments = await _timed(paces, 60, "refund.create", "customer.retrieve", "charge.list")
    assert moments[-1] - moments[0] >= (60 - 10 - 1) / 40 * 0.9


async def test_accounts_do_not_wait_for_each_other(database: Database) -> None:
    slow, other = (Pace(database, name, Limits(account=1, endpoint=1)) for name in ("acme", "other"))
    await slow.hold(timedelta(hours=1))
    assert await slow.turn("refund.create") == timedelta(seconds=5)
    assert await other.turn("refund.create") is None


async def test_a_turn_too_far_off_is_refused_and_takes_nobody_s(database: Database) -> None:
    pace = Pace(database, "acme", Limits(account=1000, endpoint=1000))
    await pace.hold(timedelta(hours=1))
    async with database.read() as tx:
        before = await tx.scalar(text("SELECT free_at FROM rate_limits WHERE scope = 'acme'"))
    assert [await pace.turn("refund.create") for _ in range(3)] == [timedelta(seconds=5)] * 3
    async with database.read() as tx:
        assert await tx.scalar(text("SELECT free_at FROM rate_limits WHERE scope = 'acme'")) == before


async def test_turns_are_leased_and_not_asked_for_one_by_one(database: Database) -> None:
    class Counted(Pace):
        leases = 0

        async def _next(self, scope):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (counts, and does as always)
            Counted.leases += scope.left == 0
            return await super()._next(scope)

    pace = Counted(database, "acme", Limits(account=5000, endpoint=5000))
    for _ in range(400):
        assert await pace.turn("refund.create") is None
    assert Counted.leases < 400 * 2 / 10


@pytest.mark.parametrize(
    ("code", "held"), [("rate_limit", True), ("lock_timeout", False)], ids=["too often", "object locked"]
)
async def test_only_asking_too_often_holds_everybody(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, code: str, held: bool
) -> None:
    def answer(_request: Request) -> Reply:
        return Reply({"error": {"type": "invalid_request_error", "code": code}}, status=429)

    monkeypatch.setenv("COUNTERFOIL_TEST_KEY", "sk_test_1")
    async with vendor(answer) as it:
        secret = SecretRef(env="COUNTERFOIL_TEST_KEY")
        account = StripeAccount(livemode=False, secret_key=secret, webhook_secrets=(secret,), api_base=it.url)
        pace = Pace(database, "acme", Limits(account=100, endpoint=100))
        api = StripeApi("acme", account, SystemClock(), pace)
        with pytest.raises(VendorUnavailable) as refused:
            await api.retrieve("charge", "ch_1")
        api.close()
    assert refused.value.reason == ("STRIPE_RATE_LIMITED" if held else "STRIPE_LOCKED")
    async with database.read() as tx:
        ahead = await tx.scalar(text("SELECT free_at > clock_timestamp() FROM rate_limits WHERE scope = 'acme'"))
    assert ahead is held


def test_the_limits_are_stripes_unless_others_are_given() -> None:
    secret = SecretRef(env="COUNTERFOIL_TEST_KEY")
    given = {"secret_key": secret, "webhook_secrets": (secret,)}
    assert StripeAccount(livemode=True, **given).rate == 100
    assert StripeAccount(livemode=False, **given).rate == 25
    assert StripeAccount(livemode=True, requests_per_second=40, **given).rate == 40
    assert StripeAccount(livemode=True, **given).endpoint_requests_per_second == 25
