"""An OpenTelemetry collector of a few lines: it takes spans, metrics and logs over OTLP and keeps them."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass
class Collected:
    """Spans by trace id (hex) and log records, in the order they came, and which metrics came.

    `metrics` has, by name, unit and kind ("gauge", "sum" or "histogram"), the attributes each was told with.
    """

    endpoint: str = ""
    metrics: dict[tuple[str, str, str], set[frozenset[tuple[str, str]]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    logs: list[str] = field(default_factory=list)
    traces: dict[str, list[trace_pb2.Span]] = field(default_factory=lambda: defaultdict(list))


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def Export(  # noqa: N802  (the contract's name)
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        del context
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._collected.traces[span.trace_id.hex()].append(span)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def Export(  # noqa: N802  (the contract's name)
        self, request: metrics_service_pb2.ExportMetricsServiceRequest, context: grpc.ServicerContext
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        del context
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data") or ""
                    found = self._collected.metrics[metric.name, metric.unit, kind]
                    for point in getattr(metric, kind).data_points:
                        found.add(frozenset((one.key, one.value.string_value) for one in point.attributes))
        return metrics_service_pb2.ExportMetricsServiceResponse()


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def Export(  # noqa: N802  (the contract's name)
        self, request: logs_service_pb2.ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> logs_service_pb2.ExportLogsServiceResponse:
        del context
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                self._collected.logs += [str(record) for record in scope.log_records]
        return logs_service_pb2.ExportLogsServiceResponse()


@contextmanager
def collector() -> Iterator[Collected]:
    """Listen on a free port of this machine; `endpoint` is its address."""
    collected = Collected()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(collected), server)  # type: ignore[no-untyped-call]  # generated
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(collected), server)  # type: ignore[no-untyped-call]  # generated
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(collected), server)  # type: ignore[no-untyped-call]  # generated
    collected.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collected
    finally:
        server.stop(1).wait()
