"""What must hold once everything is quiet: asked once, done once, and three places that say the same.

Stripe's present state is asked of Stripe, Salesforce's of Salesforce; our own tables are read as they are. The figures
of a payment are also compared without any code of ours in between.
"""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import psycopg
from psycopg.rows import dict_row

from deploy.demo.stack import API_VERSION
from service.domain import Reference, canonical, fields_from, minor_digits, scrub
from service.mirror import MirrorRow
from service.projection._records import records
from tests.simulation.world import Action, World

Row = dict[str, Any]
_LISTS = {
    "payment_intent": "/v1/payment_intents",
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "customer": "/v1/customers",
    "balance_transaction": "/v1/balance_transactions",
}
_PENDING = """
    SELECT (SELECT count(*) FROM inbox WHERE state = 'recorded') AS events,
           (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) AS tasks,
           (SELECT count(*) FROM mirror WHERE dirty) AS changes,
           (SELECT count(*) FROM mirror WHERE fetch_at < now() + interval '10 minutes') AS fetches,
           (SELECT count(*) FROM outbox WHERE state = 'waiting') AS records
"""


def rows_of(url: str, query: str) -> list[Row]:
    """Return the rows of a query."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


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
        assert took < seconds, f"not drained within {seconds} s: idle={idle}, missing={missing}, {left(world)}"


def left(world: World) -> str:
    """Return what is left to do, and what the service says of it, for a person."""
    tasks = rows_of(world.database_url, "SELECT * FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
    workers = rows_of(world.database_url, "SELECT id, last_heartbeat, now() FROM procrastinate_workers")
    pending = rows_of(world.database_url, _PENDING)[0]
    log = world.service.log.read_text()[-2000:]
    return "\n".join(map(str, [pending, *tasks, *workers, log]))


def at_stripe(world: World) -> dict[str, dict[str, Row]]:
    """Return every object there is in Stripe now, by type and id."""
    facts = world.stack.info["stripe"]
    headers = {"Authorization": f"Bearer {facts['secret_key']}", "Stripe-Version": API_VERSION}
    found: dict[str, dict[str, Row]] = {}
    with httpx.Client(base_url=facts["url"], headers=headers, trust_env=False, timeout=30) as http:
        for kind, path in _LISTS.items():
            found[kind] = {}
            page: Row = {"has_more": True}
            while page["has_more"]:
                after = {"starting_after": list(found[kind])[-1]} if found[kind] else {}
                page = http.get(path, params={"limit": 100, **after}).raise_for_status().json()
                found[kind] |= {one["id"]: one for one in page["data"]}
    return found


def audit(world: World) -> None:
    """Check everything; the service may run or not."""
    stripe = at_stripe(world)
    for action in world.actions:
        _one_effect(world, action, stripe)
    mirror = _mirror_is_stripe(world, stripe)
    _outbox_is_rules_of(world, mirror)
    _salesforce_is_outbox(world)
    for action in world.actions:
        _figures(world, action, stripe)


def _one_effect(world: World, action: Action, stripe: dict[str, dict[str, Row]]) -> None:
    def made_for(kind: str, record_id: str) -> list[Row]:
        objects = stripe[kind].values()
        return [one for one in objects if one["metadata"].get("salesforce_record_id") == record_id]

    query = f"SELECT state, reason, message FROM commands WHERE record_id = '{action.record_id}'"  # noqa: S608  (ours)
    told = rows_of(world.database_url, query)
    intents, sessions = made_for("payment_intent", action.record_id), made_for("checkout.session", action.record_id)
    pages = 1 if action.method == "hosted_checkout" else 0
    assert len(sessions) == pages, f"{action}: {len(sessions)} pages"
    assert len(intents) == (1 if action.method != "hosted_checkout" or action.paid else 0), (
        f"{action}: {intents}, {told}"
    )
    charges = [one for one in stripe["charge"].values() if one["payment_intent"] in {each["id"] for each in intents}]
    assert len([one for one in charges if one["paid"]]) == _payments(action), f"{action}: {charges}"
    customers = made_for("customer", action.account_id)
    assert len(customers) == (0 if action.method == "off_session" else 1), f"{action}: {customers}"
    states = [(row["state"], row["reason"]) for row in told]
    wanted = ("DECLINED", "PAYMENT_DECLINED") if action.declines else ("SUCCEEDED", None)
    assert states == [wanted], f"{action}: {states}"


def _payments(action: Action) -> int:
    return int(
        action.paid if action.method == "hosted_checkout" else action.method == "off_session" and not action.declines
    )


def _mirror_is_stripe(world: World, stripe: dict[str, dict[str, Row]]) -> list[MirrorRow]:
    known = rows_of(world.database_url, "SELECT * FROM mirror")
    for row in known:
        if row["object_type"] in stripe and row["body"] is not None:
            present = orjson.loads(canonical(scrub(stripe[row["object_type"]][row["object_id"]])))
            held = orjson.loads(row["body"])
            stale = {name: (held.get(name), present.get(name)) for name in present if held.get(name) != present[name]}
            assert held == present, f"{row['object_id']} as of {row['as_of']} ({row['evidence']}) is stale: {stale}"
    whole = {row["object_id"] for row in known if row["body"] is not None}
    settled = {one["balance_transaction"] for one in stripe["charge"].values()} - {None}
    missing = {*stripe["payment_intent"], *stripe["charge"], *settled} - whole
    assert not missing, f"never seen: {missing}"
    assert not [row for row in known if row["fault"] or (row["object_type"] in stripe and row["fetch_error"])]
    names = MirrorRow.__dataclass_fields__
    bodies = [{**row, "body": row["body"] and orjson.loads(row["body"])} for row in known]
    return [MirrorRow(**{name: row[name] for name in names}) for row in bodies]


def _outbox_is_rules_of(world: World, mirror: list[MirrorRow]) -> None:
    held = rows_of(world.database_url, "SELECT * FROM outbox")
    assert {row["state"] for row in held} <= {"delivered"}, [row for row in held if row["state"] != "delivered"]
    assert all(row["digest"] == row["delivered_digest"] for row in held)
    wanted = {(one.sobject, one.key): fields_from(one.content()) for one in records(mirror, org="main")}
    assert {(row["sobject"], row["key"]): fields_from(row["content"]) for row in held} == wanted


def _salesforce_is_outbox(world: World) -> None:
    for row in rows_of(world.database_url, "SELECT * FROM outbox"):
        fields = fields_from(row["content"])
        names = [_path(name, value) for name, value in fields.items()]
        query = f"SELECT {', '.join(names)} FROM {row['sobject']} WHERE {row['key_field']} = '{row['key']}'"  # noqa: S608  (names of ours)
        found = world.salesforce.query(query)
        assert len(found) == 1, f"{row['sobject']} {row['key']}: {len(found)} records"
        shown = {name: _shown(found[0], name, value) for name, value in fields.items()}
        wanted = {name: value.key if isinstance(value, Reference) else value for name, value in fields.items()}
        assert shown == wanted, f"{row['sobject']} {row['key']}"


def _path(name: str, value: Any) -> str:
    return f"{name[:-1]}r.{value.key_field}" if isinstance(value, Reference) else name


def _shown(record: Row, name: str, wanted: Any) -> Any:
    if isinstance(wanted, Reference):
        return (record[f"{name[:-1]}r"] or {}).get(wanted.key_field)
    value = record[name]
    if name.endswith(("_At__c", "_On__c")) and value is not None:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Decimal(str(value)) if isinstance(wanted, Decimal) else value


def _figures(world: World, action: Action, stripe: dict[str, dict[str, Row]]) -> None:
    """Compare the opportunity with Stripe's own figures, by hand."""
    shown = world.salesforce.get("Opportunity", action.record_id)
    intents = [
        one
        for one in stripe["payment_intent"].values()
        if one["metadata"].get("salesforce_record_id") == action.record_id
    ]
    received = refunded = fee = net = 0
    for intent in intents:
        assert intent["amount"] == int(action.amount.scaleb(minor_digits(action.currency))), action
        received += intent["amount_received"]
        charge = stripe["charge"].get(intent["latest_charge"] or "", {})
        refunded += charge.get("amount_refunded", 0)
        entry = stripe["balance_transaction"].get(charge.get("balance_transaction") or "", {})
        fee, net = fee + entry.get("fee", 0), net + entry.get("net", 0)
    digits = minor_digits(action.currency)
    assert Decimal(str(shown["Amount_Paid__c"] or 0)) == Decimal(received - refunded).scaleb(-digits), action
    if _payments(action):
        settled = minor_digits(shown["Payment_Settlement_Currency__c"])
        assert Decimal(str(shown["Payment_Fee__c"])) == Decimal(fee).scaleb(-settled) > 0, action
        assert Decimal(str(shown["Payment_Net__c"])) == Decimal(net).scaleb(-settled), action
    assert shown["Payment_Status__c"] == _status(action, received, refunded), action
    if action.method == "off_session" and not action.declines:
        assert received == int(action.amount.scaleb(digits)), action


def _status(action: Action, received: int, refunded: int) -> str:
    if action.declines:
        return "Failed"
    if refunded:
        return "Refunded" if refunded == received else "Partially_Refunded"
    if received:
        return "Paid"
    return "Requires_Payment_Method" if action.method == "unconfirmed" else "Requested"
