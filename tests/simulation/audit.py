"""What must hold once everything is quiet: asked once, done once, and three places that say the same.

Stripe's present state is asked of Stripe, Salesforce's of Salesforce; our own tables are read as they are.
"""

import asyncio
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
from sqlalchemy import text

from deploy.demo.stack import API_VERSION
from service import mirror
from service.clock import SystemClock
from service.config import load_installation
from service.db import Wakes, open_database
from service.domain import DesiredRecord, Evidence, Reference, fields_from
from service.intake import sight
from service.projection import Projector
from tests.simulation.figures import Objects, Row, figures, one_effect
from tests.simulation.world import World, rows_of

_LISTS = {
    "payment_intent": "/v1/payment_intents",
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "payment_link": "/v1/payment_links",
    "customer": "/v1/customers",
    "balance_transaction": "/v1/balance_transactions",
    "refund": "/v1/refunds",
    "dispute": "/v1/disputes",
    "invoice": "/v1/invoices",
    "invoice_payment": "/v1/invoice_payments",
    "credit_note": "/v1/credit_notes",
    "payout": "/v1/payouts",
}
# What Stripe tells in a list only when it is asked for.
_EXPANDED = {"invoice": {"expand[]": "data.amount_paid_off_stripe"}}
# What changes without an event: a trace is asked for now and then, disputes speak for themselves, a counter is no fact.
_SILENT = {"payout": ("trace_id",), "customer": ("next_invoice_sequence",), "charge": ("disputed",)}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")  # as Salesforce writes it
_LANES, _KEYS = 200, 150  # looked at, and asked for, at once
_CHANGES = "Payment_Status_Change__c"
_PENDING = """
    SELECT (SELECT count(*) FROM inbox WHERE state = 'recorded') AS events,
           (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) AS tasks,
           (SELECT count(*) FROM mirror WHERE dirty) AS changes,
           (SELECT count(*) FROM notes) AS notes,
           (SELECT count(*) FROM mirror WHERE fetch_at < now() + interval '10 minutes') AS fetches,
           (SELECT count(*) FROM outbox WHERE state = 'waiting') AS records,
           (SELECT count(*) FROM coverage WHERE proof = 'pending') AS gaps
"""


Key = tuple[str, str]
Fields = dict[str, Any]


def drain(world: World, *, seconds: float = 60) -> float:
    """Wait until nothing is left to do anywhere; return how long that took."""
    began = time.monotonic()
    expected = {event for action in world.actions for event in action.events}
    while True:
        idle = world.control.post("/stripe/webhooks/flush?timeout_ms=2000")["idle"]
        pending = rows_of(world.database_url, _PENDING)[0]
        recorded = {row["event_id"] for row in rows_of(world.database_url, "SELECT event_id FROM inbox")}
        missing = expected - recorded
        if idle and not missing and not any(pending.values()):
            return time.monotonic() - began
        took = time.monotonic() - began
        assert took < seconds, (
            f"not drained within {seconds} s: idle={idle}, missing={missing}, {pending}\n{world.left()}"
        )


def at_stripe(world: World) -> Objects:
    """Return every object there is in Stripe now, by type and id."""
    facts = world.stack.info["stripe"]
    headers = {"Authorization": f"Bearer {facts['secret_key']}", "Stripe-Version": API_VERSION}
    found: Objects = {}
    with httpx.Client(base_url=facts["url"], headers=headers, trust_env=False, timeout=30) as http:
        for kind, path in _LISTS.items():
            found[kind] = {}
            page: Row = {"has_more": True}
            while page["has_more"]:
                after = {"starting_after": list(found[kind])[-1]} if found[kind] else {}
                asked: dict[str, str | int] = {"limit": 100, **_EXPANDED.get(kind, {}), **after}
                page = http.get(path, params=asked).raise_for_status().json()
                found[kind] |= {one["id"]: one for one in page["data"]}
        for invoice in found["invoice"].values():
            if invoice["lines"]["has_more"]:
                lines = http.get(f"/v1/invoices/{invoice['id']}/lines", params={"limit": 100}).raise_for_status().json()
                invoice["lines"] |= {"data": lines["data"], "has_more": lines["has_more"]}
    return found


def audit(world: World) -> None:
    """Check everything; the service may run or not."""
    stripe = at_stripe(world)
    for action in world.actions:
        one_effect(world, action, stripe)
    _mirror_is_stripe(world, stripe)
    _outbox_is_rules_of_mirror(world)
    _salesforce_is_outbox(world)
    for action in world.actions:
        figures(world, action, stripe)


def _mirror_is_stripe(world: World, stripe: Objects) -> None:
    known = rows_of(world.database_url, "SELECT * FROM mirror")
    for row in known:
        if row["object_type"] in stripe and row["body"] is not None:
            present = _kept(stripe[row["object_type"]][row["object_id"]])
            held = orjson.loads(row["body"])
            for name in _SILENT.get(row["object_type"], ()):
                present[name] = held[name]
            # Nothing was paid on a draft, so what was paid elsewhere is not asked for.
            if row["object_type"] == "invoice" and present["status"] == "draft":
                held.setdefault("amount_paid_off_stripe", 0)
            stale = {name: (held.get(name), present.get(name)) for name in present if held.get(name) != present[name]}
            assert held == present, f"{row['object_id']} as of {row['as_of']} ({row['evidence']}) is stale: {stale}"
    whole = {row["object_id"] for row in known if row["body"] is not None}
    needed = {*stripe} - {"customer", "balance_transaction"}
    settled = {row["id"] for row in stripe["balance_transaction"].values() if row["source"]}
    missing = {object_id for kind in needed for object_id in stripe[kind]} | settled
    assert missing <= whole, f"never seen: {missing - whole}"
    assert not [row for row in known if row["fault"] or (row["object_type"] in stripe and row["fetch_error"])]


def _kept(body: Row) -> Row:
    """Return an object as the mirror keeps it: what stands in rows of its own is taken out."""
    now = datetime.now(UTC)
    seen = sight("acme", orjson.loads(orjson.dumps(body)), as_of=now, evidence=Evidence.FETCH, now=now)
    return next(orjson.loads(one.body) for one in seen if one.object_id == body["id"] and one.body)


def _outbox_is_rules_of_mirror(world: World) -> None:
    """Look at everything again: it asks for what was delivered, and finds that no status changed since it was noted."""
    held = rows_of(world.database_url, "SELECT * FROM outbox")
    assert {row["state"] for row in held} <= {"delivered"}, [row for row in held if row["state"] != "delivered"]
    assert all(row["digest"] == row["delivered_digest"] for row in held)
    found, wanted = _shown_and_wanted(world)
    if found != wanted:  # something came late, such as a fact that was asked for again: it must settle
        drain(world)
        found, wanted = _shown_and_wanted(world)
    assert found == wanted, [
        (key, found.get(key), wanted.get(key))
        for key in found.keys() | wanted.keys()
        if found.get(key) != wanted.get(key)
    ]


def _shown_and_wanted(world: World) -> tuple[dict[Key, Fields], dict[Key, Fields]]:
    held = rows_of(world.database_url, "SELECT sobject, key, content FROM outbox")
    shown = {(row["sobject"], row["key"]): fields_from(row["content"]) for row in held if row["sobject"] != _CHANGES}
    return shown, {(one.sobject, one.key): fields_from(one.content()) for one in asyncio.run(_wanted(world))}


async def _wanted(world: World) -> list[DesiredRecord]:
    """Return every record that the rules ask for, from the mirror as it is; nothing is changed."""
    entities = load_installation(world.stack.folder / "counterfoil.yaml").entities
    database = open_database(world.database_url, pool_size=2)
    projector = Projector(database, Wakes(database.url), SystemClock(), entities=entities, batch_limit=1)
    try:
        lanes = set()
        async with database.transaction() as tx:
            known = [row.object_id for row in await tx.execute(text("SELECT object_id FROM mirror"))]
            for some in _chunks(known, _LANES):  # taking them locks them: not all at once
                undone = await tx.begin_nested()
                await tx.execute(
                    text("UPDATE mirror SET dirty = object_id = ANY(:some) WHERE dirty OR object_id = ANY(:some)"),
                    {"some": some},
                )
                lanes |= set(await mirror.changed_lanes(tx, limit=1_000_000))
                await undone.rollback()
        looked = [await projector.preview(some) for some in _chunks(list(lanes), _LANES)]
    finally:
        await database.close()
    assert not [fault for _, faults in looked for fault in faults.items()]
    return [record for found, _ in looked for record in found]


def _salesforce_is_outbox(world: World) -> None:
    alike: dict[tuple[str, str, tuple[str, ...]], dict[str, Row]] = {}
    for row in rows_of(world.database_url, "SELECT * FROM outbox"):
        fields = fields_from(row["content"])
        names = tuple(_path(name, value) for name, value in fields.items())
        alike.setdefault((row["sobject"], row["key_field"], names), {})[row["key"]] = fields
    for (sobject, key_field, names), held in alike.items():
        for keys in _chunks(list(held), _KEYS):
            wanted = ", ".join(f"'{key}'" for key in keys)
            asked = {key_field, *names}
            query = f"SELECT {', '.join(asked)} FROM {sobject} WHERE {key_field} IN ({wanted})"  # noqa: S608  (names of ours)
            found = {record[key_field]: record for record in world.salesforce.query(query)}
            assert set(found) == set(keys), f"{sobject}: {set(keys) ^ set(found)}"
            for key in keys:
                _same(f"{sobject} {key}", found[key], held[key])
    for sobject, key_field in {(sobject, key_field) for sobject, key_field, _ in alike if key_field != "Id"}:
        held_keys = {key for (of, _, _), rows in alike.items() if of == sobject for key in rows}
        there = [record[key_field] for record in world.salesforce.query(f"SELECT {key_field} FROM {sobject}")]  # noqa: S608  (likewise)
        ours = [key for key in there if key is not None]
        assert sorted(ours) == sorted(held_keys), f"{sobject}: more than one of a key, or one nobody asked for"


def _same(what: str, record: Row, fields: Row) -> None:
    shown = {name: _shown(record, name, value) for name, value in fields.items()}
    wanted = {name: value.key if isinstance(value, Reference) else value for name, value in fields.items()}
    assert shown == wanted, what


def _chunks(things: list[Any], size: int) -> list[list[Any]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


def _path(name: str, value: Any) -> str:
    return f"{name[:-1]}r.{value.key_field}" if isinstance(value, Reference) else name


def _shown(record: Row, name: str, wanted: Any) -> Any:
    if isinstance(wanted, Reference):
        return (record[f"{name[:-1]}r"] or {}).get(wanted.key_field)
    value = record[name]
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Decimal(str(value)) if isinstance(wanted, Decimal) else value
