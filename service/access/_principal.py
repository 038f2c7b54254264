"""Who is calling, for as long as a call lasts."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from service.config.access import ALL_ENTITIES, CallerRole

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may call.

    Attributes:
        name: a caller's name in the configuration, or "ISSUER:SUBJECT" of a token; "anonymous" where nobody is asked.
        roles: what the caller is there for.
        entities: the legal entities the caller sees; None is all of them.
    """

    name: str
    roles: frozenset[CallerRole]
    entities: frozenset[str] | None

    def sees(self, entity: str) -> bool:
        """Tell whether an entity is the caller's business."""
        return self.entities is None or entity in self.entities

    @property
    def known(self) -> bool:
        """Whether the caller proved who it is."""
        return self.name != ANONYMOUS


def scope_of(names: Sequence[str]) -> frozenset[str] | None:
    """Return the entities that a list of the configuration or a claim means; None is all."""
    return None if ALL_ENTITIES in names else frozenset(names)


# Where nobody is asked, everybody may do everything: on this machine, or where somebody consented.
anonymous = Principal(ANONYMOUS, frozenset(CallerRole), None)

_current: ContextVar[Principal] = ContextVar("principal")


_policy: ContextVar[str] = ContextVar("policy")


def enter(principal: Principal, policy: str) -> None:
    """Let `principal`, admitted by a version of the policy, be the caller of this task; each call has its own."""
    _current.set(principal)
    _policy.set(policy)


def current_principal() -> Principal:
    """Return who makes the call that is being answered.

    Raises:
        LookupError: no call is being answered here; nobody is never taken for somebody.
    """
    return _current.get()


def policy_version() -> str:
    """Return the version of the policy that admitted the caller.

    Raises:
        LookupError: no call is being answered here.
    """
    return _policy.get()


def caller_name() -> str | None:
    """Return the caller's name as the ledger keeps it (`requested_by`); None where nobody was asked."""
    principal = current_principal()
    return principal.name if principal.known else None
