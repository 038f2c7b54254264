"""The REST API over an org: pure functions from a call to an answer, so that composite requests can nest them."""

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.api.dispatch import Dispatcher

__all__ = ["Answer", "Call", "Dispatcher"]
