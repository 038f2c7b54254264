"""Which services there are, and how each joins a server."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc

from service.gen.counterfoil.v1 import (
    customers_service_pb2,
    customers_service_pb2_grpc,
    invoices_service_pb2,
    invoices_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    payments_service_pb2,
    payments_service_pb2_grpc,
    reconciliation_service_pb2,
    reconciliation_service_pb2_grpc,
    records_service_pb2,
    records_service_pb2_grpc,
    requests_service_pb2,
    requests_service_pb2_grpc,
)

_SERVICES: tuple[tuple[type, Any, Callable[[Any, Any], None]], ...] = (
    (
        customers_service_pb2_grpc.CustomersServiceServicer,
        customers_service_pb2.DESCRIPTOR.services_by_name["CustomersService"],
        customers_service_pb2_grpc.add_CustomersServiceServicer_to_server,
    ),
    (
        payments_service_pb2_grpc.PaymentsServiceServicer,
        payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"],
        payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server,
    ),
    (
        reconciliation_service_pb2_grpc.ReconciliationServiceServicer,
        reconciliation_service_pb2.DESCRIPTOR.services_by_name["ReconciliationService"],
        reconciliation_service_pb2_grpc.add_ReconciliationServiceServicer_to_server,
    ),
    (
        operations_service_pb2_grpc.OperationsServiceServicer,
        operations_service_pb2.DESCRIPTOR.services_by_name["OperationsService"],
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server,
    ),
    (
        records_service_pb2_grpc.RecordsServiceServicer,
        records_service_pb2.DESCRIPTOR.services_by_name["RecordsService"],
        records_service_pb2_grpc.add_RecordsServiceServicer_to_server,
    ),
    (
        requests_service_pb2_grpc.RequestsServiceServicer,
        requests_service_pb2.DESCRIPTOR.services_by_name["RequestsService"],
        requests_service_pb2_grpc.add_RequestsServiceServicer_to_server,
    ),
    (
        invoices_service_pb2_grpc.InvoicesServiceServicer,
        invoices_service_pb2.DESCRIPTOR.services_by_name["InvoicesService"],
        invoices_service_pb2_grpc.add_InvoicesServiceServicer_to_server,
    ),
)


def register(server: grpc.aio.Server, services: Sequence[object]) -> list[str]:
    """Have a server offer services; return their full names.

    Raises:
        ValueError: one is no service of the contract.
    """
    names: list[str] = []
    for service in services:
        known = next(((one, add) for kind, one, add in _SERVICES if isinstance(service, kind)), None)
        if known is None:
            raise ValueError(f"{type(service).__name__} is no service of the contract")
        described, add = known
        add(service, server)
        names.append(str(described.full_name))
    return names
