"""ReconciliationService: payouts, their statements, what belongs nowhere yet. Reads only."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import cast

from service.api._checks import Check
from service.api._messages import amount_of, failure_from, time_of
from service.api._pages import Position, filter_digest, write_token
from service.api._streams import Stream, require_entity
from service.db import Database
from service.errors import NotFound
from service.gen.counterfoil.v1 import reconciliation_service_pb2 as api
from service.gen.counterfoil.v1 import reconciliation_service_pb2_grpc
from service.maintenance.open_items import OpenItem, list_open_items
from service.mirror.payouts import PayoutEntry
from service.projection import PayoutDetails, PayoutFacts, Reconciliation, page_payouts, read_payout

_PAYOUT = r"po_[A-Za-z0-9_]{1,250}"
_EXPORTED_TOGETHER = 500
_EXPORT_LIMIT = 10_000
_PAGE = 100
_ITEMS_LIMIT = 10_000


class ReconciliationService(reconciliation_service_pb2_grpc.ReconciliationServiceServicer):
    """The methods of `counterfoil.v1.ReconciliationService`; its contract lists their errors."""

    def __init__(self, database: Database, entities: Collection[str]) -> None:
        self._database = database
        self._entities = frozenset(entities)

    async def ListPayouts(self, request: api.ListPayoutsRequest, _context: object) -> api.ListPayoutsResponse:  # noqa: N802  (the contract's name)
        """Return one page of payouts."""
        check = Check()
        entity = check.entity(request.entity)
        wanted = _reconciliation(check, request.reconciliation)
        size = check.page_size(request.page_size)
        digest = filter_digest("payouts", entity, wanted or "")
        before = check.position(request.page_token, digest)
        check.done()
        require_entity(self._entities, entity)
        async with self._database.read() as tx:
            found, position = await page_payouts(
                tx, entities=[entity], reconciliation=wanted, before=before, limit=size
            )
        token = write_token(position, digest) if position else ""
        return api.ListPayoutsResponse(payouts=map(_payout, found), next_page_token=token)

    async def GetPayout(self, request: api.GetPayoutRequest, _context: object) -> api.GetPayoutResponse:  # noqa: N802  (the contract's name)
        """Return one payout."""
        return api.GetPayoutResponse(payout=_payout((await self._details(request)).facts))

    async def GetStatement(self, request: api.GetStatementRequest, _context: object) -> api.GetStatementResponse:  # noqa: N802  (the contract's name)
        """Return the statement of one payout."""
        facts = (await self._details(request)).facts
        lines = [
            api.StatementLine(
                category=line.category,
                count=line.count,
                gross=amount_of(line.gross_minor, line.currency),
                fee=amount_of(line.fee_minor, line.currency),
                net=amount_of(line.net_minor, line.currency),
            )
            for line in (facts.statement.lines if facts.statement else ())
        ]
        notes = ([facts.rule.label] if facts.rule else []) + [limit.label for limit in facts.limits]
        return api.GetStatementResponse(payout=_payout(facts), lines=lines, notes=notes)

    async def ListExceptions(self, request: api.ListExceptionsRequest, _context: object) -> api.ListExceptionsResponse:  # noqa: N802  (the contract's name)
        """Return one page of what belongs nowhere yet."""
        check = Check()
        entity = check.entity(request.entity)
        size = check.page_size(request.page_size)
        digest = filter_digest("exceptions", entity)
        after = check.position(request.page_token, digest)
        check.done()
        require_entity(self._entities, entity)
        async with self._database.read() as tx:
            found = await list_open_items(tx, entities=[entity], limit=_ITEMS_LIMIT)
        shown = [one for one in sorted(found, key=_place) if after is None or _place(one) > after]
        token = write_token(_place(shown[size - 1]), digest) if len(shown) > size else ""
        return api.ListExceptionsResponse(items=map(_item, shown[:size]), next_page_token=token)

    async def ExportStatements(self, request: api.ExportStatementsRequest, context: Stream) -> None:  # noqa: N802  (the contract's name)
        """Send every transaction of the payouts of a time."""
        check = Check()
        entity = check.entity(request.entity)
        start, end = check.moment("start_time", request), check.moment("end_time", request)
        if start is not None and end is not None and start >= end:
            check.wrong("end_time", "must be later than start_time")
        check.done()
        require_entity(self._entities, entity)
        before: Position | None = None if end is None else (end, "")
        for _ in range(_EXPORT_LIMIT // _PAGE):
            async with self._database.read() as tx:
                found, before = await page_payouts(tx, entities=[entity], before=before, limit=_PAGE)
            for facts in found:
                if start is not None and facts.created_at is not None and facts.created_at < start:
                    return
                async with self._database.read() as tx:
                    details = await read_payout(tx, entities=[entity], payout_id=facts.payout_id)
                for part in _parts(details) if details else ():
                    await context.write(part)
            if before is None:
                return

    async def _details(self, request: api.GetPayoutRequest | api.GetStatementRequest) -> PayoutDetails:
        check = Check()
        entity = check.entity(request.entity)
        payout_id = check.form("payout_id", request.payout_id, _PAYOUT, "give a payout's id (po_...)")
        check.done()
        require_entity(self._entities, entity)
        async with self._database.read() as tx:
            found = await read_payout(tx, entities=[entity], payout_id=payout_id)
        if found is None:
            raise NotFound("There is no payout of this id: check the id and the entity.")
        return found


def _reconciliation(check: Check, value: int) -> str | None:
    if value == api.RECONCILIATION_UNSPECIFIED:
        return None
    known = api.Reconciliation.DESCRIPTOR.values_by_number.get(value)
    if known is None:
        check.wrong("reconciliation", "is none of this version: use one of Reconciliation")
        return None
    return Reconciliation[known.name.removeprefix("RECONCILIATION_")].value


def _payout(facts: PayoutFacts) -> api.Payout:
    word = api.Reconciliation.Value(f"RECONCILIATION_{facts.reconciliation.name}")
    return api.Payout(
        payout_id=facts.payout_id,
        entity=facts.entity,
        stripe_status=facts.stripe_status or "",
        amount=amount_of(facts.amount_minor, facts.currency),
        automatic=facts.automatic,
        method=facts.method or "",
        reconciliation=cast("api.Reconciliation", word),
        difference=amount_of(facts.difference_minor, facts.currency),
        trace_id=facts.trace_id or "",
        failure=failure_from(facts.failure_code, facts.failure_message),
        reversed_by=facts.reversed_by or "",
        arrival_time=time_of(facts.arrival_at),
        create_time=time_of(facts.created_at),
    )


def _place(one: OpenItem) -> tuple[datetime, str]:
    return one.since, one.object_id


def _item(one: OpenItem) -> api.OpenItem:
    return api.OpenItem(
        entity=one.entity,
        object_id=one.object_id,
        state=one.state,
        since_time=time_of(one.since),
        looked_for=one.looked_for,
        remedy=one.remedy,
    )


def _parts(details: PayoutDetails) -> Iterator[api.ExportStatementsResponse]:
    """Yield a payout with its transactions, some at a time; once without any if there are none."""
    payout, entries = _payout(details.facts), details.entries
    for start in range(0, max(len(entries), 1), _EXPORTED_TOGETHER):
        yield api.ExportStatementsResponse(payout=payout, entries=_entries(entries[start : start + _EXPORTED_TOGETHER]))


def _entries(entries: Sequence[PayoutEntry]) -> Iterator[api.StatementEntry]:
    for one in entries:
        yield api.StatementEntry(
            payout_id=one.payout_id,
            balance_transaction_id=one.transaction_id,
            category=one.category,
            gross=amount_of(one.net_minor + one.fee_minor, one.currency),
            fee=amount_of(one.fee_minor, one.currency),
            net=amount_of(one.net_minor, one.currency),
            own=one.own,
        )
