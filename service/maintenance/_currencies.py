"""Reading what each org says of currencies: which are active, and its rates; and looking again at what that changes.

An org with one currency has no CurrencyType, and one without advanced currency management no DatedConversionRate: the
describe tells. They are read at start and then as often as the configuration says, by one process at a time.
Sources: Object Reference, CurrencyType and DatedConversionRate.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from service import currencies, telemetry
from service.clients import SalesforceApi
from service.clock import Clock
from service.config import Installation
from service.currencies import DATED, EMPTY, CurrencyBook, reporting_of
from service.db import Database, Wakes
from service.errors import VendorError
from service.mirror.periods import look_at_payments

_TYPES = "SELECT IsoCode, ConversionRate, IsActive, IsCorporate, LastModifiedDate FROM CurrencyType"
_DATED = "SELECT IsoCode, ConversionRate, StartDate FROM DatedConversionRate"
_ROWS_LIMIT = 50_000
_AGAIN_WITHIN = timedelta(minutes=1)  # after a reading that failed
_BATCH_LIMIT = 1000


async def read_book(api: SalesforceApi, *, dated: bool) -> CurrencyBook:
    """Return what an org says of currencies; an empty book for one that has a single currency.

    Args:
        api: of the org.
        dated: whether dated rates are of use.

    Raises:
        VendorError: the org did not answer, or has more than 50,000 rates.
    """
    if await api.describe("CurrencyType") is None:
        return EMPTY
    types = await api.query(_TYPES)
    there = dated and await api.describe("DatedConversionRate") is not None
    return currencies.book_of(types, await api.query(_DATED, limit=_ROWS_LIMIT) if there else ())


class CurrencyReader:
    """Reads the orgs that may have several currencies; several may run at once."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        salesforce: Mapping[str, SalesforceApi],
        installation: Installation,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._salesforce = salesforce
        self._installation = installation
        self._orgs = [name for name, org in installation.orgs.items() if org.currency is None]

    async def step(self) -> int:
        """Read what is due, and have some of what it changes looked at again; return how much there was to do."""
        return sum([await self._read(org) + await self._look_again(org) for org in self._orgs])

    async def _read(self, org: str) -> int:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await currencies.claim_reading(tx, org, now=now, within=_AGAIN_WITHIN)
        if not due:
            return 0
        dated = any(one.rates == DATED for one in reporting_of(self._installation, org).values())
        try:
            with telemetry.span("salesforce.read_currencies", attributes={"salesforce.org": org}):
                book = await read_book(self._salesforce[org], dated=dated)
        except VendorError as error:
            telemetry.log().warning("currencies.not_read", org=org, reason=error.reason)
            return 0
        refresh = timedelta(seconds=self._installation.orgs[org].currencies_refresh_seconds)
        async with self._database.transaction() as tx:
            before = await currencies.keep(tx, org, book, now=now, again_at=now + refresh)
        if before != book:
            telemetry.log().info("currencies.changed", org=org, active=len(book.active), dated=len(book.dated))
        if before.active != book.active:
            self._wakes.signal("remap")
        return 1

    async def _look_again(self, org: str) -> int:
        async with self._database.transaction() as tx:
            found = await currencies.next_span(tx, org)
            if found is None:
                return 0
            span, after = found
            reporting = reporting_of(self._installation, org)
            place = await look_at_payments(
                tx,
                entities=[name for name, one in reporting.items() if one.rates == span.source],
                since=_midnight(span.since),
                until=_midnight(span.until),
                after=after,
                limit=_BATCH_LIMIT,
            )
            await currencies.settle_span(tx, org, after=place)
        self._wakes.signal("mirror")
        return 1


def _midnight(day: str | None) -> datetime | None:
    """Return when a day begins; None for one before all that can be written, as the first of a rate may be."""
    if day is None:
        return None
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return None
