"""Who may do what on the gRPC API: identities, roles, one policy table, entities.

Verbs: admit a call (`Gate`), say who is calling (`current_principal`, `caller_name`). Touches no table; asks an issuer
for its public keys. Refuses by default: whoever is not known, holds no role of a method's row, or asks about an entity
that is not his. A new method needs a row in `service/access/_policy.py`, which says how.
"""

from service.access._gate import Credentials, Gate
from service.access._policy import OPEN, POLICY, Rule, Scope
from service.access._principal import Principal, anonymous, caller_name, current_principal, enter, policy_version

__all__ = [
    "OPEN",
    "POLICY",
    "Credentials",
    "Gate",
    "Principal",
    "Rule",
    "Scope",
    "anonymous",
    "caller_name",
    "current_principal",
    "enter",
    "policy_version",
]
