"""Reading an org's currencies: by one of several, again when it is time, and what a change has looked at again."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from service import currencies
from service.clients import SalesforceApi
from service.clock import SystemClock
from service.config import Installation
from service.currencies import CurrencyBook
from service.db import Database, Wakes
from service.maintenance import CurrencyReader
from service.maintenance._check_currencies import check_currencies
from tests.support.delivery import ShiftedClock, org_settings
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

DAYS = [(datetime.now(UTC) - timedelta(days=days)).date().isoformat() for days in range(4)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    it = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield it
    assert it.stop() == 0


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control("POST", "/reset")
    return running


@pytest.fixture
async def api(sandbox: RunningSandbox) -> AsyncIterator[SalesforceApi]:
    it = SalesforceApi("main", org_settings(sandbox), SystemClock())
    yield it
    it.close()


def installation(sandbox: RunningSandbox, **terms: Any) -> Installation:
    secret: dict[str, Any] = {"env": "X"}
    stripe = {"livemode": False, "secret_key": secret, "webhook_secrets": [secret]}
    org = org_settings(sandbox).model_dump(mode="json") | {"reporting_currency": "EUR", **terms}
    return Installation.model_validate(
        {"version": 1, "orgs": {"main": org}, "entities": {"acme": {"org": "main", "stripe": stripe}}}
    )


class Bench:
    """Readers of one database, with a clock that can be put forward."""

    def __init__(self, database: Database, sandbox: RunningSandbox, api: SalesforceApi) -> None:
        self.database, self.sandbox, self.api, self.clock = database, sandbox, api, ShiftedClock()

    def reader(self, **terms: Any) -> CurrencyReader:
        settings = installation(self.sandbox, **{"rates": "salesforce_dated", **terms})
        wakes = Wakes(self.database.url)
        return CurrencyReader(self.database, wakes, self.clock, salesforce={"main": self.api}, installation=settings)

    async def book(self) -> CurrencyBook:
        async with self.database.read() as tx:
            return await currencies.load(tx, "main")

    async def noted(self) -> list[str]:
        """Return what is to be looked at again, and forget it."""
        async with self.database.transaction() as tx:
            gone = await tx.execute(text("DELETE FROM notes RETURNING object_id"))
            return sorted(row.object_id for row in gone)

    def change(self, **what: Any) -> None:
        self.sandbox.control("POST", "/salesforce/currencies", what)


@pytest.fixture
def bench(database: Database, sandbox: RunningSandbox, api: SalesforceApi) -> Bench:
    return Bench(database, sandbox, api)


async def drain(reader: CurrencyReader) -> None:
    for _ in range(20):
        if not await reader.step():
            return
    pytest.fail("the reader never ends")


async def test_rates_are_read_exactly_and_only_when_it_is_time(bench: Bench) -> None:
    bench.change(advanced=True, dated=[["EUR", DAYS[1], "0.812345"]])
    both = bench.reader(), bench.reader()
    for reader in both:
        await drain(reader)
    asked = bench.sandbox.control("GET", "/salesforce/requests")["requests"]
    assert len([one for one in asked if "/query" in one["path"] and one["client"]]) == 2
    book = await bench.book()
    assert book.active == ("EUR", "GBP", "JPY", "KWD", "USD")
    assert Decimal(book.static["EUR"][0]) == Decimal("0.92")
    assert book.dated["EUR"][-1] == (DAYS[1], "0.812345")
    bench.change(rates={"EUR": "0.95"})
    await drain(both[0])
    assert (await bench.book()) == book
    bench.clock.ahead = timedelta(hours=1, seconds=1)
    await drain(both[1])
    assert Decimal((await bench.book()).static["EUR"][0]) == Decimal("0.95")


async def test_payments_of_the_days_that_a_change_concerns_are_looked_at_again(bench: Bench) -> None:
    bench.change(advanced=True)
    reader = bench.reader()
    await drain(reader)
    async with bench.database.transaction() as tx:
        for number, day in enumerate(DAYS):
            await tx.execute(
                text(
                    "INSERT INTO mirror (entity, object_id, object_type, body, digest, as_of, evidence, observed_at, "
                    "created_at, dirty) VALUES ('acme', :id, 'payment_intent', '{}', '', now(), 1, now(), :at, false)"
                ),
                {"id": f"pi_{number}", "at": datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)},
            )
    await bench.noted()
    bench.change(dated=[["EUR", DAYS[2], "0.5"], ["EUR", DAYS[1], "0.92"]])
    bench.clock.ahead += timedelta(hours=2)
    await drain(reader)
    assert await bench.noted() == ["pi_2"]
    bench.clock.ahead += timedelta(hours=2)
    await drain(reader)
    assert await bench.noted() == []


async def test_an_org_with_one_currency_has_an_empty_book(bench: Bench) -> None:
    bench.change(multi=False)
    await drain(bench.reader())
    assert await bench.book() == CurrencyBook()


async def test_an_org_that_does_not_answer_is_asked_again_within_a_minute(bench: Bench) -> None:
    bench.sandbox.control("POST", "/salesforce/faults", {"fault": "status", "status": 503, "times": 1})
    reader = bench.reader()
    await drain(reader)
    assert await bench.book() == CurrencyBook()
    bench.clock.ahead = timedelta(seconds=61)
    await drain(reader)
    assert (await bench.book()).corporate == "USD"


async def test_the_check_tells_of_rates_that_are_not_there(bench: Bench) -> None:
    async def outcome(**terms: Any) -> list[tuple[str, str]]:
        settings = installation(bench.sandbox, **terms)
        found = await check_currencies("main", settings, bench.api)
        return [(one.outcome.value, one.detail) for one in found]

    assert await outcome() == []
    assert await outcome(rates="salesforce") == [("ok", "EUR, salesforce, of 5 currencies")]
    assert await outcome(rates="salesforce_dated") == [("fault", "the org has no dated rates")]
    bench.change(advanced=True)
    assert (await outcome(rates="salesforce_dated"))[0][0] == "ok"
    missing = await outcome(rates="salesforce", reporting_currency="CHF")
    assert missing == [("fault", "the org has no rate of CHF")]
    bench.change(multi=False)
    assert (await outcome(rates="salesforce"))[0] == ("fault", "the org has a single currency, and no rates")
