"""Whose request it is: the caller that the gate admitted, and the version of the policy by which it did."""

from dataclasses import replace

from service.access import caller_name, policy_version
from service.commands import Request


def signed(request: Request) -> Request:
    """Return a request with who asks for it."""
    return replace(request, requested_by=caller_name(), policy=policy_version())
