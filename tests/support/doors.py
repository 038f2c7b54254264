"""The services of the running stack, as a typed caller meets them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import operations_service_pb2_grpc as operations
from service.gen.counterfoil.v1 import payments_service_pb2_grpc as payments
from service.gen.counterfoil.v1 import reconciliation_service_pb2_grpc as reconciliation
from service.gen.counterfoil.v1 import records_service_pb2_grpc as records

PATIENCE = 60.0


@dataclass(frozen=True)
class Doors:
    """One stub a service; `entity` is the legal entity of the stack."""

    entity: str
    payments: payments.PaymentsServiceStub
    operations: operations.OperationsServiceStub
    reconciliation: reconciliation.ReconciliationServiceStub
    records: records.RecordsServiceStub


@contextmanager
def open_doors(cast: Cast) -> Iterator[Doors]:
    """Connect to the running service."""
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        yield Doors(
            cast.stack.entity,
            payments.PaymentsServiceStub(channel),
            operations.OperationsServiceStub(channel),
            reconciliation.ReconciliationServiceStub(channel),
            records.RecordsServiceStub(channel),
        )
