"""One run that tells what it can over OTLP: a sale that is paid, a call, refused webhooks, a second start."""

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import httpx
import psycopg
import pytest
from psycopg import sql

from service.gen.counterfoil.v1 import payments_service_pb2, payments_service_pb2_grpc
from tests.support import metrics
from tests.support.collector import Collected, collector
from tests.support.stage import new_opportunity, staged, won_and_paid

# A test card's number, as somebody types it where it does not belong, and a key in the same place.
CARD, KEY = "4242424242424242", "sk_test_plantedinthewrongplace"

# Told only when it happens: an event of a type that nothing reacts to, the end of a stream.
OCCASIONAL = {"counterfoil_events_unrecognised_total", "counterfoil_stream_ends_total"}


@dataclass(frozen=True)
class Told:
    """What came to the collector, what the log holds, and the secrets of the installation."""

    collected: Collected
    log: str
    database: str
    secrets: list[str]


def tables(url: str) -> str:
    """Return every row of every table, as text."""
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(url) as connection:
        queries = [
            sql.SQL("SELECT row::text FROM {} row").format(sql.Identifier(name))
            for (name,) in connection.execute(names).fetchall()
        ]
        return "\n".join(text for query in queries for (text,) in connection.execute(query))


@pytest.fixture(scope="module")
def told(postgres_url: str) -> Iterator[Told]:
    with (
        collector() as collected,
        staged(
            postgres_url, COUNTERFOIL_TELEMETRY_EXPORTER="otlp", COUNTERFOIL_OTLP_ENDPOINT=collected.endpoint
        ) as cast,
    ):
        won_and_paid(cast, new_opportunity(cast, "640.00", "USD"))
        with grpc.insecure_channel(cast.service.info["grpc"]) as channel:
            stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
            listed = stub.ListPayments(payments_service_pb2.ListPaymentsRequest(entity="acme"), timeout=30)
            assert len(listed.payments) == 1
        for body in (f'{{"number": "{CARD}", "key": "{KEY}"}}', f"not json {CARD} {KEY}"):
            refused = httpx.post(
                f"{cast.service.info['web']}/webhooks/stripe/acme",
                content=body,
                headers={"stripe-signature": f"t=1,v1={KEY}", "x-card": CARD},
                trust_env=False,
                timeout=30,
            )
            assert refused.status_code == httpx.codes.BAD_REQUEST
            assert CARD not in refused.text
            assert KEY not in refused.text
        secrets = [cast.stack.info["stripe"]["secret_key"], cast.stack.webhook_secret, cast.salesforce.token]
        assert cast.service.stop() == 0, "what is left to send is sent at the end"
        log = cast.service.log.read_text()
        # Figures are told at the start and every few seconds: a second start spares the wait for them.
        again = cast.stack.start_service()
        assert again.stop() == 0
        yield Told(collected, log + again.log.read_text(), str(cast.stack.database_url), secrets)


def test_one_trace_runs_from_the_salesforce_event_through_stripe_to_the_salesforce_write(told: Told) -> None:
    """The webhooks come in between, and bring the trace back in the metadata of what was made."""
    traces = told.collected.traces.values()
    ours = [spans for spans in traces if "salesforce.event" in {span.name for span in spans}]
    assert len(ours) == 1, "one event, one trace"
    names = {span.name for span in ours[0]}
    wanted = {
        "salesforce.event",
        "salesforce.request",
        "command.create_payment",
        "stripe.create",
        "stripe.webhook",
        "mirror.project",
        "salesforce.write",
    }
    assert wanted <= names
    written = {
        name
        for span in ours[0]
        if span.name == "salesforce.write"
        for attribute in span.attributes
        if attribute.key == "salesforce.object"
        for name in attribute.value.string_value.split(",")  # one call writes what belongs together
    }
    records = {"Payment__c", "Charge__c", "Balance_Transaction__c", "Payment_Status_Change__c"}
    assert written == {"Opportunity", "Account", "Payment_Request__c"} | records


def test_every_alarm_and_every_panel_is_about_something_that_is_told(told: Told) -> None:
    labels: dict[str, set[str]] = {}
    for (name, unit, kind), points in told.collected.metrics.items():
        for known in metrics.prometheus_names(name, unit, kind):
            labels.setdefault(known, set()).update(key for point in points for key, _ in point)
    for expression in metrics.expressions():
        for asked in metrics.asked(expression):
            if asked.name not in OCCASIONAL:
                assert asked.name in labels, expression
                assert asked.labels <= labels[asked.name], expression


def test_queues_and_shelves_are_told_even_when_they_are_empty(told: Told) -> None:
    points = {
        name: {tuple(value for _, value in sorted(point)) for point in found}
        for (name, _, _), found in told.collected.metrics.items()
    }
    queues = {("accept", "main"), ("command", "acme"), ("project", "acme"), ("fetch", "acme"), ("deliver", "main")}
    assert points["counterfoil.backlog.age"] == queues | {("react", "main")}
    assert points["counterfoil.backlog.items"] == queues | {("react", "main")}
    shelves = {("command", "acme"), ("projection", "acme"), ("fetch", "acme"), ("event", "acme"), ("event", "main")}
    assert points["counterfoil.failures.open"] == shelves | {("delivery", "main"), ("reaction", "main")}
    assert ("acme", "difference") in points["counterfoil.facts.overdue"]
    assert ("acme", "Difference") in points["counterfoil.payouts"]


def test_no_secret_and_no_card_is_in_logs_traces_metrics_or_tables(told: Told) -> None:
    dump = tables(told.database)
    assert "pi_" in dump
    spans = "".join(str(span) for spans in told.collected.traces.values() for span in spans)
    places = {"spans": spans, "logs": "".join(told.collected.logs), "log": told.log, "tables": dump}
    places["metrics"] = str(told.collected.metrics)
    for place, text in places.items():
        assert text, place
        for secret in [*told.secrets, CARD, KEY]:
            assert secret not in text, place
