"""Traces, metrics and logs, through the OpenTelemetry SDK, to nowhere, the console or an OTLP collector.

One trace runs from a Salesforce event through Stripe and its webhook to the Salesforce write. Between processes it
travels as a W3C `traceparent` string kept in rows and in Stripe metadata: `current_traceparent()` writes it,
`span(..., parent=...)` takes it up again. Nothing here may carry a secret, personal data or a vendor's body.
"""

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger, set_logger_provider
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Link, Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.config import Settings
from service.redaction import told

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("counterfoil")
_METER = metrics.get_meter("counterfoil")
_SEVERITY = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}

# The SDK's own limits are meant for milliseconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)

# What matters when the service runs at night; each name is part of the contract with dashboards.
webhooks = _METER.create_counter("counterfoil.webhooks", description="Webhooks answered, by entity and answer.")
events_recorded = _METER.create_counter("counterfoil.events.recorded", description="Events stored, by source and kind.")
events_unrecognised = _METER.create_counter(
    "counterfoil.events.unrecognised", description="Stored events of a type nothing here reacts to."
)
intake_batch = _METER.create_histogram(
    "counterfoil.intake.batch",
    unit="{event}",
    description="Events sharing a commit.",
    explicit_bucket_boundaries_advisory=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000),
)
stream_ends = _METER.create_counter("counterfoil.stream.ends", description="Ends of a Salesforce stream, by cause.")
stream_gaps = _METER.create_counter(
    "counterfoil.stream.gaps", description="Replay positions Salesforce no longer knew."
)
changes_ignored = _METER.create_counter(
    "counterfoil.changes.ignored", description="Change events of our own writes, by org."
)
stream_deliveries_left = _METER.create_gauge(
    "counterfoil.stream.deliveries_left", description="Events Salesforce may still deliver in 24 hours, by org."
)
stream_deliveries_limit = _METER.create_gauge(
    "counterfoil.stream.deliveries_limit", description="Events Salesforce delivers in 24 hours at most, by org."
)
vendor_calls = _METER.create_histogram(
    "counterfoil.vendor.call",
    unit="s",
    description="Calls to a vendor, by vendor, operation and outcome.",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
commands_settled = _METER.create_counter("counterfoil.commands.settled", description="Commands, by state and reason.")
records_projected = _METER.create_counter("counterfoil.records.projected", description="Desired records put.")
records_delivered = _METER.create_counter(
    "counterfoil.records.delivered", description="Records settled in Salesforce, by object and outcome."
)
fetches = _METER.create_counter("counterfoil.fetches", description="Objects fetched from Stripe, by type and outcome.")
facts_pending = _METER.create_gauge(
    "counterfoil.facts.pending", unit="{fact}", description="Facts Stripe has yet to tell, by entity and kind."
)
facts_overdue = _METER.create_gauge(
    "counterfoil.facts.overdue", unit="{fact}", description="Facts that should have been told by now."
)
routes_open = _METER.create_gauge(
    "counterfoil.routes.open",
    unit="{object}",
    description="What belongs to no record yet, by entity and state.",
)
backlog_items = _METER.create_gauge(
    "counterfoil.backlog.items", unit="{item}", description="What waits, by queue and entity or org."
)
backlog_age = _METER.create_gauge(
    "counterfoil.backlog.age", unit="s", description="How long the oldest of it has waited; 0 when nothing waits."
)
failures_open = _METER.create_gauge(
    "counterfoil.failures.open", unit="{failure}", description="What was given up and waits for a cause to be mended."
)
event_delay = _METER.create_histogram(
    "counterfoil.event.delay",
    unit="s",
    description="From Stripe's event to its commit here, by entity.",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
stream_age = _METER.create_gauge(
    "counterfoil.stream.position.age", unit="s", description="Since a Salesforce stream last told us anything."
)
payouts = _METER.create_gauge(
    "counterfoil.payouts",
    unit="{payout}",
    description="The newest 200 payouts of an entity, by whether their statement adds up.",
)
api_calls = _METER.create_gauge(
    "counterfoil.salesforce.api.calls", unit="{call}", description="Our calls of an org within 24 hours."
)
api_share = _METER.create_gauge(
    "counterfoil.salesforce.api.share", unit="{call}", description="How many of them the settings allow us."
)
api_used = _METER.create_gauge(
    "counterfoil.salesforce.api.used", unit="{call}", description="Everybody's calls of an org within 24 hours."
)
api_limit = _METER.create_gauge(
    "counterfoil.salesforce.api.limit", unit="{call}", description="How many the org allows everybody."
)
retention_purged = _METER.create_counter(
    "counterfoil.retention.purged", unit="{row}", description="Rows deleted, or rid of their texts, by class."
)
rpcs = _METER.create_histogram(
    "counterfoil.rpc",
    unit="s",
    description="Calls of the gRPC API, by method and status.",
    explicit_bucket_boundaries_advisory=_SECONDS,
)


def log() -> Any:
    """Return the structured logger; the first word of an entry is its stable action name."""
    return structlog.get_logger()


def tell_secret(action: str, field: str) -> None:
    """Log that a secret was taken anew, or could not be; never the secret."""
    if action == "secret.renewed":
        log().info(action, field=field)
    else:
        log().error(action, field=field, alarm=True)


def current_traceparent() -> str | None:
    """Return the W3C traceparent of the span we are in, to keep in a row; None outside a trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def _shown(attributes: Mapping[str, str | int | bool]) -> dict[str, str | int | bool]:
    return {name: told(value) if isinstance(value, str) else value for name, value in attributes.items()}


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    attributes: Mapping[str, str | int | bool] | None = None,
) -> Iterator[Span]:
    """Open a span; `parent` and `links` are traceparents from rows. Without a parent it joins the current span."""
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    linked = [
        Link(trace.get_current_span(_PROPAGATOR.extract({"traceparent": link})).get_span_context()) for link in links
    ]
    with _TRACER.start_as_current_span(
        name, context=context, links=linked, attributes=_shown(attributes or {}), record_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            # The type only: a message may quote a vendor, and a stack trace its arguments.
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _add_trace(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = format(context.trace_id, "032x")
        entry["span_id"] = format(context.span_id, "016x")
    return entry


def _redact(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out what no door should have let in: logs are read by more people than tables."""
    for name, value in entry.items():
        if isinstance(value, str):
            entry[name] = told(value)
        elif isinstance(value, list):
            entry[name] = [told(one) if isinstance(one, str) else one for one in value]
    return entry


def _to_otlp(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    level = str(entry.get("level", "info"))
    attributes = {key: str(value) for key, value in entry.items() if key not in ("event", "level", "timestamp")}
    get_logger("counterfoil").emit(
        LogRecord(
            severity_number=_SEVERITY.get(level, SeverityNumber.INFO),
            severity_text=level.upper(),
            body=str(entry.get("event")),
            attributes=attributes,
        )
    )
    return entry


def _set_up_logs(settings: Settings) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    last: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _redact,
    ]
    export: list[Any] = [_to_otlp] if settings.telemetry_exporter == "otlp" else []
    render: list[Any] = [structlog.processors.format_exc_info, last]
    structlog.configure(
        processors=[*shared, *export, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[*export, last], foreign_pre_chain=shared))
    # Libraries speak from warnings up: their lower levels may quote requests.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


class Telemetry:
    """The providers of this process, from start to flush."""

    def __init__(self, settings: Settings, *, version: str, instance: str, roles: Sequence[str]) -> None:
        self._stops: list[Any] = []
        _set_up_logs(settings)
        kind = settings.telemetry_exporter
        if kind == "none":
            return
        resource = Resource.create(
            {
                "service.name": "counterfoil",
                "service.version": version,
                "service.instance.id": instance,
                "counterfoil.roles": list(roles),
            }
        )
        traces = TracerProvider(resource=resource)
        if kind == "otlp":
            target: dict[str, Any] = {
                "endpoint": settings.otlp_endpoint,
                "insecure": settings.otlp_endpoint.startswith("http://"),
            }
            traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(**target)))
            reader = PeriodicExportingMetricReader(OTLPMetricExporter(**target))
            logs = LoggerProvider(resource=resource)
            logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(**target)))
            set_logger_provider(logs)
            self._stops.append(logs)
        else:
            traces.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
            reader = PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr))
        meters = MeterProvider(resource=resource, metric_readers=[reader])
        trace.set_tracer_provider(traces)
        metrics.set_meter_provider(meters)
        self._stops += [meters, traces]

    def flush(self) -> None:
        """Send what is waiting and stop; called once, last."""
        for provider in self._stops:
            provider.shutdown()
