"""Reconciling: what a payout holds is asked of Stripe, or allocated by our rule, and added up into its statement.

A statement is an object of ours in the mirror, a child of its payout, and it is fetched like any other: what is left to
do is a row that is due, and each step is bounded, resumes where the last one ended, and may be done twice.
Its body tells `state` ("listing", "complete"), `rule` ("listed" by Stripe or "allocated" by us), the place it got to
(`after`), and in the end the `lines`, the `limits` the rule ran into, and whether it is made `again`: see `_relist`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from service import mirror, outbox, telemetry
from service.clients import Answer, StripeApi
from service.clock import Clock
from service.db import Database, Transaction
from service.domain import Evidence, Limit, Observation, Rule, Statement, canonical, moment
from service.intake import observe, payouts, sight
from service.maintenance._allocate import Movement, allocate
from service.maintenance._relist import again_at, anew, closing
from service.mirror import FetchDue, MirrorRow
from service.mirror.payouts import PayoutEntry, link, list_entries, list_movements, list_payouts, touch_entries, unlink

_STEP_LIMIT = 300  # transactions in one step: three pages of Stripe's, well within a lease
# How far we look for what a payout took that Stripe cannot list; what is beyond is told with the statement: see Limit.
_WINDOW = timedelta(days=180)
_MOVEMENTS_LIMIT = 50_000
_EARLIER_LIMIT = 100
_SHORTEST_WAIT = timedelta(milliseconds=500)
_LONGEST_WAIT = timedelta(minutes=5)
_PAYOUT_WAIT = timedelta(seconds=5)  # for a payout that is being read itself: a statement may be known before it
COMPLETE, LISTING = "complete", "listing"
_RECORD = "Payout__c"


class Reconciler:
    """Makes statements, a step at a time; several may run at once."""

    def __init__(self, database: Database, clock: Clock, *, orgs: Mapping[str, str]) -> None:
        self._database = database
        self._clock = clock
        self._orgs = orgs

    async def step(self, stripe: StripeApi, due: FetchDue) -> None:
        """Do the next step for the statement that is due.

        Raises:
            VendorError: Stripe did not answer, or refused the list.
        """
        payout_id = Statement.payout_of(due.object_id)
        async with self._database.read() as tx:
            rows = await mirror.load_family(tx, entities=[due.entity], roots=[payout_id])
        payout = next((row for row in rows if row.object_id == payout_id and row.body), None)
        known = next((row.body for row in rows if row.object_id == due.object_id and row.body), None) or {}
        again, now = again_at(known), self._clock.now()
        if known.get("state") == COMPLETE and again is not None and again <= now:
            known = anew(known, now)
        if payout is None:
            await self._again(due, _PAYOUT_WAIT)
        elif known.get("state") == COMPLETE:
            await self._publish(due, known)
        elif (payout.body or {}).get("automatic"):
            await self._list(stripe, due, payout, known)
        else:
            await self._allocate(stripe, due, payout, known)

    async def _again(self, due: FetchDue, wait: timedelta) -> None:
        async with self._database.transaction() as tx:
            await mirror.settle_fetch(tx, due, again_at=self._clock.now() + wait)

    async def _publish(self, due: FetchDue, known: Mapping[str, Any]) -> None:
        """Have the transactions linked in Salesforce, as soon as it holds the payout they are linked to."""
        payout_id, now = Statement.payout_of(due.object_id), self._clock.now()
        org = self._orgs.get(due.entity, "")
        async with self._database.transaction() as tx:
            if await outbox.delivered(tx, org=org, sobject=_RECORD, keys=[payout_id]):
                await touch_entries(tx, entity=due.entity, payout_id=payout_id)
                await mirror.settle_fetch(tx, due, again_at=again_at(known))
            else:
                waited = now - (moment(known.get("completed")) or now)
                await mirror.settle_fetch(tx, due, again_at=now + _patience(waited))

    async def _list(self, stripe: StripeApi, due: FetchDue, payout: MirrorRow, known: Mapping[str, Any]) -> None:
        found = await self._page(stripe, {"payout": payout.object_id}, known)
        entries = [_entry(due.entity, payout.object_id, answer.body) for answer in found]
        await self._observe(due, found)
        async with self._database.transaction() as tx:
            await link(tx, entries, now=self._clock.now())
            if len(found) < _STEP_LIMIT and known.get("started"):
                await unlink(tx, entity=due.entity, payout_id=payout.object_id, before=moment(known["started"]))
            await self._note(tx, due, payout, known, found, rule=Rule.LISTED)

    async def _allocate(self, stripe: StripeApi, due: FetchDue, payout: MirrorRow, known: Mapping[str, Any]) -> None:
        created = payout.created_at or self._clock.now()
        async with self._database.read() as tx:
            since, ready, limits = await _after_earlier(tx, payout, created)
        if not ready:
            await self._again(due, _patience(self._clock.now() - created))
            return
        span = {"gte": int(since.timestamp()), "lte": int(created.timestamp())}
        currency = (payout.body or {}).get("currency")
        found = await self._page(stripe, {"created": span, "currency": currency}, known)
        await self._observe(due, found)
        async with self._database.transaction() as tx:
            if len(found) < _STEP_LIMIT:
                if known.get("started"):
                    await unlink(tx, entity=due.entity, payout_id=payout.object_id, before=None)
                shares, cut = await _shares(tx, payout, created)
                limits += cut
                await link(tx, shares, now=self._clock.now())
            await self._note(tx, due, payout, {**known, "limits": limits}, found, rule=Rule.ALLOCATED)

    @staticmethod
    async def _page(stripe: StripeApi, wanted: dict[str, Any], known: Mapping[str, Any]) -> list[Answer]:
        after = {"starting_after": known["after"]} if known.get("after") else {}
        return await stripe.list(
            "balance_transaction", {**wanted, **after, "expand": ["data.source"]}, limit=_STEP_LIMIT
        )

    async def _observe(self, due: FetchDue, found: Sequence[Answer]) -> None:
        """Keep what was listed, and what it came from. Of sights of one second none is preferred: see Evidence.

        In a commit before the statement's own: whoever holds these rows must not wait for that one (see `Fetcher`).
        """
        now = self._clock.now()
        seen: list[Observation] = []
        for answer in found:
            source = answer.body.get("source")
            bodies = [answer.body]
            if isinstance(source, dict) and source.get("id") and source.get("object"):
                answer.body["source"] = source["id"]
                bodies.append(source)
            for body in bodies:
                seen += sight(
                    due.entity, body, as_of=answer.as_of, evidence=Evidence.ANSWER, now=now, cause=answer.request_id
                )
        # A payout among the sources wishes for its statement: the one that is being made would disturb itself.
        async with self._database.transaction() as tx:
            await observe(tx, [one for one in seen if one.object_id != due.object_id], now=now)

    async def _note(
        self,
        tx: Transaction,
        due: FetchDue,
        payout: MirrorRow,
        known: Mapping[str, Any],
        found: Sequence[Answer],
        *,
        rule: Rule,
    ) -> None:
        """Store how far the statement got, in the commit of what it got."""
        now = self._clock.now()
        body: dict[str, Any] = {"id": due.object_id, "object": Statement.KIND, "payout": payout.object_id, "rule": rule}
        if len(found) < _STEP_LIMIT:
            parts = await list_entries(tx, entity=due.entity, payout_id=payout.object_id)
            statement = Statement.of(parts)
            body |= {"state": COMPLETE, "completed": int(now.timestamp()), "lines": statement.to_json()}
            body |= {"limits": known.get("limits") or [], **closing(known, statement, payout.body or {}, now)}
            telemetry.log().info("payout.reconciled", entity=due.entity, payout=payout.object_id, rule=rule)
        else:
            listed = int(known.get("listed") or 0) + len(found)
            body = {**known, **body, "state": LISTING, "after": found[-1].body["id"], "listed": listed}
        seen = Observation(
            entity=due.entity,
            object_type=Statement.KIND,
            object_id=due.object_id,
            body=canonical(body),
            as_of=max(now.replace(microsecond=0), due.as_of),
            evidence=Evidence.FETCH,
            parent_id=payout.object_id,
            created_at=payout.created_at,
            traceparent=due.traceparent,
            fetch_after=now,
        )
        if await mirror.settle_fetch(
            tx, due, again_at=now
        ):  # else another worker noted its own step, or the payout changed
            await observe(tx, [seen], now=now)


async def _after_earlier(tx: Transaction, payout: MirrorRow, created: datetime) -> tuple[datetime, bool, list[str]]:
    """Return from when on transactions must still be listed, whether every earlier payout took its share, and limits.

    The limits are words of `Limit`: what the rule did not look at.
    """
    before = (created, payout.object_id)
    rows = await list_payouts(tx, entities=[payout.entity], before=before, limit=_EARLIER_LIMIT)
    earlier = [row for row in rows if _is_allocated(row, payout) and (row.created_at or created) > created - _WINDOW]
    family = await mirror.load_family(tx, entities=[payout.entity], roots=[row.object_id for row in earlier])
    complete = {
        row.parent_id
        for row in family
        if row.object_type == Statement.KIND and row.body and row.body.get("state") == COMPLETE
    }
    done = [row.created_at for row in earlier if row.object_id in complete and row.created_at]
    since = max(done, default=created - _WINDOW)
    limits = [] if done else [Limit.WINDOW.value]
    if len(rows) == _EARLIER_LIMIT and (rows[-1].created_at or created) > created - _WINDOW:
        limits.append(Limit.PAYOUTS.value)
    return since, len(complete) == len(earlier), limits


def _is_allocated(row: MirrorRow, like: MirrorRow) -> bool:
    body, other = row.body or {}, like.body or {}
    same = body.get("currency") == other.get("currency")
    return same and not body.get("automatic") and payouts.has_statement(body)


async def _shares(tx: Transaction, payout: MirrorRow, created: datetime) -> tuple[list[PayoutEntry], list[str]]:
    """Apply the rule of allocation to all that is known of the balance at the time of a payout; return limits too."""
    body = payout.body or {}
    found = await list_movements(
        tx, entity=payout.entity, since=created - _WINDOW, until=created, limit=_MOVEMENTS_LIMIT
    )
    cut = [Limit.MOVEMENTS.value] if len(found) == _MOVEMENTS_LIMIT else []
    if cut:
        telemetry.log().warning("payout.window_cut", entity=payout.entity, payout=payout.object_id)
    rows = [(row, taken, any_taken) for row, taken, any_taken in found if _currency(row.body) == _currency(body)]
    own = [row.body or {} for row, _, _ in rows if _is_own(row.body or {}, payout.object_id)]
    movements = [_movement(row, taken, touched=touched) for row, taken, touched in rows if row.body not in own]
    entries = [_entry(payout.entity, payout.object_id, one) for one in own]
    needed = -sum(entry.net_minor for entry in entries) if entries else int(body["amount"])
    shares = [
        PayoutEntry(
            entity=payout.entity,
            payout_id=payout.object_id,
            transaction_id=share.movement.transaction_id,
            category=share.movement.category,
            currency=share.movement.currency,
            fee_minor=share.fee_minor,
            net_minor=share.net_minor,
            own=False,
        )
        for share in allocate(movements, needed_minor=needed, until=created)
    ]
    return entries + shares, cut


def _patience(waited: timedelta) -> timedelta:
    """Return how long to wait once more for something that was waited for so long already."""
    return min(max(waited / 4, _SHORTEST_WAIT), _LONGEST_WAIT)


def _currency(body: Mapping[str, Any] | None) -> str:
    return str((body or {}).get("currency") or "").upper()


def _is_own(body: Mapping[str, Any], payout_id: str) -> bool:
    return body.get("type") == "payout" and body.get("source") == payout_id


def _movement(row: MirrorRow, taken: int, *, touched: bool) -> Movement:
    body = row.body or {}
    created = row.created_at or payouts.EPOCH
    return Movement(
        transaction_id=row.object_id,
        category=str(body.get("reporting_category")),
        currency=_currency(body),
        fee_minor=int(body.get("fee") or 0),
        net_minor=int(body.get("net") or 0),
        taken_minor=taken,
        untouched=not touched,
        is_payout=body.get("type") == "payout",
        available_at=moment(body.get("available_on")) or created,
        created_at=created,
    )


def _entry(entity: str, payout_id: str, body: Mapping[str, Any]) -> PayoutEntry:
    source = body.get("source")
    source_id = source.get("id") if isinstance(source, dict) else source
    return PayoutEntry(
        entity=entity,
        payout_id=payout_id,
        transaction_id=str(body["id"]),
        category=str(body.get("reporting_category")),
        currency=_currency(body),
        fee_minor=int(body.get("fee") or 0),
        net_minor=int(body.get("net") or 0),
        own=body.get("type") == "payout" and source_id == payout_id,
    )
