"""Commands: what was asked of Stripe, done once, and what came of it.

Owns the ledger (`commands`, `calls`) and the durable tasks. Verbs: accept a request, carry it out step by step, wait
for it. Calls Stripe and reads Salesforce through their clients; shows every outcome by observing it. Refuses a second
effect for one business action, and the same action with other parameters.
"""

from service.commands._commands import Commands
from service.commands._customer_terms import OWNERS, customer_paths
from service.commands._events import REQUEST_FIELDS, Acceptor
from service.commands._ledger import Call, Command, CommandState
from service.commands._line_items import line_fields
from service.commands._operations import OPERATIONS, checked
from service.commands._request import CREATE_PAYMENT, Request
from service.commands._steps import CREATED_TYPES, Steps
from service.commands._tasks import Tasks
from service.commands._terms import TermsReader, terms_fields
from service.commands._told import told

__all__ = [
    "CREATED_TYPES",
    "CREATE_PAYMENT",
    "OPERATIONS",
    "OWNERS",
    "REQUEST_FIELDS",
    "Acceptor",
    "Call",
    "Command",
    "CommandState",
    "Commands",
    "Request",
    "Steps",
    "Tasks",
    "TermsReader",
    "checked",
    "customer_paths",
    "line_fields",
    "terms_fields",
    "told",
]
