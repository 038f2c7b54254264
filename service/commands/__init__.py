"""Commands: what was asked of Stripe, done once, and what came of it.

Owns the ledger (`commands`, `calls`) and the durable tasks. Verbs: accept a request, carry it out step by step, wait
for it. Calls Stripe and reads Salesforce through their clients; shows every outcome by observing it. Refuses a second
effect for one business action, and the same action with other parameters.
"""

from service.commands._commands import Commands
from service.commands._events import Acceptor
from service.commands._ledger import Command, CommandState
from service.commands._request import PaymentRequest
from service.commands._steps import Steps
from service.commands._tasks import Tasks
from service.commands._terms import TermsReader

__all__ = ["Acceptor", "Command", "CommandState", "Commands", "PaymentRequest", "Steps", "Tasks", "TermsReader"]
