"""The policy: one row for every method of every served service. What has no row cannot be called, by anybody.

A new method needs a row here: its full name, the roles that may call it, and its scope, which says how a caller is kept
to its entities. `tests/unit/access/test_policy.py` fails, naming the method, until the row is there.

    Scope.ENTITY     the request's field `entity` must name an entity of the caller's; the door sees to it
    Scope.FILTERED   the service itself asks `current_principal().sees(entity)` for everything it shows or changes (by
                     id, or in a list of several entities); a field `entity` that is given is checked by the door too
    Scope.WHOLE      concerns all entities at once: only callers who see all of them
    Scope.NONE       concerns no entity
    roles OPEN       anybody who can connect, signed in or not: health, which probes ask for

Roles do not include each other; a row names each that may call. What a person may decide about another's request (the
four eyes) is a rule of the requests themselves, not of this table.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from service.config.access import CallerRole

_V, _R, _A, _O, _ADMIN = (
    CallerRole.VIEWER,
    CallerRole.REQUESTER,
    CallerRole.APPROVER,
    CallerRole.OPERATOR,
    CallerRole.ADMIN,
)
OPEN = None
READ = frozenset({_V, _R, _A, _O, _ADMIN})
ASK = frozenset({_R, _ADMIN})
DECIDE = frozenset({_A, _ADMIN})
OPERATE = frozenset({_O, _ADMIN})


class Scope(Enum):
    """How a caller is kept to its entities."""

    ENTITY = "entity"
    FILTERED = "filtered"
    WHOLE = "whole"
    NONE = "none"


class Rule(NamedTuple):
    """Who may call a method (OPEN: whoever can connect), and about what."""

    roles: frozenset[CallerRole] | None
    scope: Scope


_CUSTOMERS = "/counterfoil.v1.CustomersService/"
_PAYMENTS = "/counterfoil.v1.PaymentsService/"
_RECONCILIATION = "/counterfoil.v1.ReconciliationService/"
_OPERATIONS = "/counterfoil.v1.OperationsService/"
_RECORDS = "/counterfoil.v1.RecordsService/"
_REQUESTS = "/counterfoil.v1.RequestsService/"
_INVOICES = "/counterfoil.v1.InvoicesService/"
_HEALTH = "/grpc.health.v1.Health/"

POLICY: Mapping[str, Rule] = {
    _CUSTOMERS + "SyncCustomer": Rule(ASK, Scope.ENTITY),
    _CUSTOMERS + "GetCustomer": Rule(READ, Scope.ENTITY),
    _CUSTOMERS + "ListCustomers": Rule(READ, Scope.ENTITY),
    _PAYMENTS + "CreatePayment": Rule(ASK, Scope.ENTITY),
    _PAYMENTS + "CapturePayment": Rule(ASK, Scope.ENTITY),
    _PAYMENTS + "CancelPayment": Rule(ASK, Scope.ENTITY),
    _PAYMENTS + "RefundPayment": Rule(ASK, Scope.ENTITY),
    _PAYMENTS + "GetPayment": Rule(READ, Scope.ENTITY),
    _PAYMENTS + "ListPayments": Rule(READ, Scope.ENTITY),
    _REQUESTS + "GetRequest": Rule(READ, Scope.ENTITY),
    _REQUESTS + "ListRequests": Rule(READ, Scope.ENTITY),
    _REQUESTS + "ApproveRequest": Rule(DECIDE, Scope.ENTITY),
    _REQUESTS + "RejectRequest": Rule(DECIDE, Scope.ENTITY),
    _PAYMENTS + "WatchPayments": Rule(READ, Scope.ENTITY),
    _RECONCILIATION + "ListPayouts": Rule(READ, Scope.ENTITY),
    _RECONCILIATION + "GetPayout": Rule(READ, Scope.ENTITY),
    _RECONCILIATION + "GetStatement": Rule(READ, Scope.ENTITY),
    _RECONCILIATION + "ListExceptions": Rule(READ, Scope.ENTITY),
    _RECONCILIATION + "ExportStatements": Rule(READ, Scope.ENTITY),
    _RECORDS + "ExplainRecord": Rule(READ, Scope.ENTITY),
    _OPERATIONS + "GetSyncState": Rule(READ, Scope.ENTITY),
    # Failures hold what was received and what was to be sent; without an entity they are those of all.
    _OPERATIONS + "ListFailures": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "GetFailure": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "RedriveFailures": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "DiscardFailures": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "StartSweep": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "StartBackfill": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "GetRun": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "ListRuns": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "WatchRun": Rule(OPERATE, Scope.ENTITY),
    _OPERATIONS + "CancelRun": Rule(OPERATE, Scope.ENTITY),
    _INVOICES + "CreateInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "FinaliseInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "SendInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "PayInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "VoidInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "MarkInvoiceUncollectible": Rule(ASK, Scope.ENTITY),
    _INVOICES + "CreditInvoice": Rule(ASK, Scope.ENTITY),
    _INVOICES + "GetInvoice": Rule(READ, Scope.ENTITY),
    _INVOICES + "ListInvoices": Rule(READ, Scope.ENTITY),
    # Health tells whether we serve, nothing else. Reflection shows the contract, to whoever may read.
    _HEALTH + "Check": Rule(OPEN, Scope.NONE),
    _HEALTH + "List": Rule(OPEN, Scope.NONE),
    _HEALTH + "Watch": Rule(OPEN, Scope.NONE),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(READ, Scope.NONE),
}
