"""One run that tells what it can: a sale that is paid, a call, card numbers and keys at every door, two more starts.

Over OTLP, and to the console at the last start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import grpc
import httpx
import psycopg
import pytest
from psycopg import sql

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import payments_service_pb2, payments_service_pb2_grpc
from service.redaction import REMOVED_CARD, REMOVED_KEY
from tests.support import metrics
from tests.support.collector import Collected, collector
from tests.support.planted import CARD, KEYS, PLANTED, event_with, forms, refused, requests_with, webhook
from tests.support.stage import drain, new_opportunity, opportunity, staged, won_and_paid

# Told only when it happens: an event of a type that nothing reacts to, the end of a stream.
OCCASIONAL = {"counterfoil_events_unrecognised_total", "counterfoil_stream_ends_total"}


@dataclass(frozen=True)
class Told:
    """What came to the collector, what the log holds, and the secrets of the installation."""

    collected: Collected
    logs: dict[str, str]
    database: str
    secrets: list[str]
    refusals: list["Refusal"]


@dataclass(frozen=True)
class Refusal:
    """How the API refused a request with something planted in one field."""

    kind: str
    field: str
    status: grpc.StatusCode
    said: str


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
        plant(cast)
        secrets = [cast.stack.info["stripe"]["secret_key"], cast.stack.webhook_secret, cast.salesforce.token]
        assert cast.service.stop() == 0, "what is left to send is sent at the end"
        log = cast.service.log.read_text()
        # Figures are told at the start and every few seconds: a second start spares the wait for them.
        again = cast.stack.start_service()
        assert again.stop() == 0
        cast.stack.environment["COUNTERFOIL_TELEMETRY_EXPORTER"] = "console"
        shown = cast.stack.start_service()
        at_doors(replace(cast, service=shown))
        refusals = list(asked_in_vain(str(shown.info["grpc"])))
        assert shown.stop() == 0
        logs = {"log": log + again.log.read_text(), "console": shown.log.read_text()}
        yield Told(collected, logs, str(cast.stack.database_url), [*secrets, *PLANTED.values()], refusals)


def asked_in_vain(address: str) -> Iterator[Refusal]:
    """Ask every method with what is planted in each of its texts, one at a time."""
    with grpc.insecure_channel(address) as channel:
        for kind, planted in PLANTED.items():
            for method, field, raw in requests_with(planted):
                error: Any = refused(channel, method, raw, planted)
                said = f"{error.trailing_metadata()} {error.details()}"
                yield Refusal(kind, f"{method.name}.{field}", error.code(), said)


def at_doors(cast: Cast) -> None:
    """Put what is planted into webhooks, signed and not, and into the API."""
    with grpc.insecure_channel(cast.service.info["grpc"]) as channel:
        for number, planted in enumerate(PLANTED.values()):
            for body in (f'{{"number": "{planted}"}}', f"not json {planted}"):
                answer = webhook(cast, body.encode(), planted, signed=False)
                assert answer.status_code == httpx.codes.BAD_REQUEST
                assert not [form for form in forms(planted) if form in answer.text]
            assert webhook(cast, event_with(planted, number), planted).status_code == httpx.codes.OK
            method, _, raw = next(requests_with(planted))
            refused(channel, method, raw, planted)


def plant(cast: Cast) -> None:
    """Put it besides into events of Salesforce, and into what both vendors say of errors."""
    at_doors(cast)
    record = new_opportunity(cast, "31.00", "USD")
    fields = {"Payment_Method_Id__c": KEYS["Stripe's test key"], "Request_Id__c": CARD}
    cast.salesforce.request_payment(record, "off_session", **fields)
    cast.wait("the refusal", lambda: opportunity(cast, record)["Payment_Error__c"])
    for planted in PLANTED.values():
        said = {"code": planted, "message": f"no such thing: {planted}", "times": 1}
        cast.control.post("/stripe/faults", fault="status", status=400, path="/v1/checkout/sessions", **said)
        error = {"error_code": planted, "message": f"{planted} is not allowed", "times": 1}
        cast.control.post("/salesforce/faults", fault="record_error", sobject="Payment_Request__c", **error)
        record = new_opportunity(cast, "32.00", "USD")
        with pytest.raises(grpc.RpcError) as raised:
            cast.payments.create_hosted(record)
        assert not [form for form in forms(planted) if form in str(raised.value)]
    drain(cast, seconds=60)
    assert [cast.control.get(f"/{vendor}/faults")["faults"] for vendor in ("stripe", "salesforce")] == [[], []]


def test_one_trace_runs_from_the_salesforce_event_through_stripe_to_the_salesforce_write(told: Told) -> None:
    """The webhooks come in between, and bring the trace back in the metadata of what was made."""
    traces = told.collected.traces.values()
    ours = [spans for spans in traces if {"salesforce.event", "stripe.webhook"} <= {span.name for span in spans}]
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
    assert REMOVED_CARD in dump
    assert REMOVED_KEY in dump
    spans = "".join(str(span) for spans in told.collected.traces.values() for span in spans)
    assert '"trace_id"' in told.logs["console"]
    places = {"spans": spans, "logs": "".join(told.collected.logs), "tables": dump, **told.logs}
    places["metrics"] = str(told.collected.metrics)
    for place, text in places.items():
        assert text, place
        for secret in told.secrets:
            assert not [form for form in forms(secret) if form in text], place


@pytest.mark.parametrize("kind", PLANTED)
def test_every_text_of_every_method_is_refused_with_its_field(told: Told, kind: str) -> None:
    reason = "CARD_DATA" if kind == "card number" else "SECRET_DATA"
    answers = [one for one in told.refusals if one.kind == kind]
    assert len(answers) > 100
    for one in answers:
        assert one.status is grpc.StatusCode.INVALID_ARGUMENT, one
        assert reason in one.said, one
        assert one.field.split(".")[-1] in one.said, one
        assert not [form for form in forms(PLANTED[kind]) if form in one.said], one
