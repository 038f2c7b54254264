"""The doors: webhooks and health over HTTP, payments, invoices and customers over gRPC.

Verbs: build the web application, start and stop the two servers, say what readiness waits for. Touches no table: it
calls intake, commands and projection. Refuses what is malformed, unsigned, too large or too late, before any work.
"""

from service.api._customers import CustomerReader, CustomersService
from service.api._grpc_server import GrpcServer
from service.api._invoices import InvoiceReader, InvoicesService
from service.api._operations import OperationsService
from service.api._payments import PaymentReader, PaymentsService
from service.api._readiness import Readiness
from service.api._reconciliation import ReconciliationService
from service.api._records import RecordsService
from service.api._requests import RequestsService
from service.api._watch import PaymentFeed
from service.api._web import build_web_app
from service.api._web_server import WebServer

__all__ = [
    "CustomerReader",
    "CustomersService",
    "GrpcServer",
    "InvoiceReader",
    "InvoicesService",
    "OperationsService",
    "PaymentFeed",
    "PaymentReader",
    "PaymentsService",
    "Readiness",
    "ReconciliationService",
    "RecordsService",
    "RequestsService",
    "WebServer",
    "build_web_app",
]
