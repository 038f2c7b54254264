"""The gate: who is calling, and may he? Asked for every call, before its message is read.

Where the configuration names issuers or callers, everybody must be one of them. Where it names nobody, everybody is
anonymous and may do everything, which is refused at start for addresses that other machines can reach.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from service import telemetry
from service.access._certificates import names_of
from service.access._policy import OPEN, POLICY, Rule, Scope
from service.access._principal import Principal, anonymous, scope_of
from service.access._tokens import Tokens
from service.clock import Clock
from service.config.access import Access, Caller, CallerRole
from service.errors import PermissionDenied, Unauthenticated

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call brings to prove who makes it: its metadata, and what gives the PEM certificate of its connection."""

    metadata: Sequence[tuple[str, str | bytes]]
    certificate: Callable[[], bytes | None] = field(default=lambda: None, repr=False)


class Gate:
    """Admits calls by the policy table.

    Args:
        access: who may call; None admits everybody as anonymous.
        clock: for the age of keys.
        policy: the table.

    Attributes:
        version: a digest of both: the same rules for the same callers have the same version.
    """

    def __init__(self, access: Access | None, clock: Clock, policy: Mapping[str, Rule] = POLICY) -> None:
        self._policy = policy
        self.version = _version(access, policy)
        self._tokens = Tokens(access, clock) if access else None
        callers = access.callers if access else {}
        self._certificates: dict[str, tuple[str, Caller]] = {
            caller.certificate: (name, caller) for name, caller in callers.items() if caller.certificate
        }

    async def admit(self, method: str, credentials: Credentials) -> Principal:
        """Return who makes a call of `method` ("/package.Service/Method").

        Raises:
            Unauthenticated: it does not say or prove who it is.
            PermissionDenied: it may not; also everybody, for a method without a row.
            IdentityKeysUnavailable: the issuer's keys cannot be read now.
        """
        try:
            return await self._admit(method, credentials)
        except (Unauthenticated, PermissionDenied) as error:
            telemetry.log().warning("access.denied", reason=error.reason, **({"method": method} | error.metadata))
            raise

    async def _admit(self, method: str, credentials: Credentials) -> Principal:
        rule = self._policy.get(method)
        if rule is None:
            raise PermissionDenied("No policy allows this method.", metadata={"method": method})
        if rule.roles is OPEN:
            return anonymous
        principal = await self._identify(credentials)
        _require_role(method, rule.roles, principal)
        return principal

    def admit_to(self, method: str, principal: Principal, entity: str | None) -> None:
        """Refuse a request about what is not the caller's business. `entity` is the request's field, if it has one.

        Raises:
            PermissionDenied: another's entity, or none named by a caller that does not see all; the same answer
                whether the entity exists or not.
        """
        if principal.entities is None:
            return
        scope = self._policy[method].scope
        if scope is Scope.WHOLE or (scope is Scope.ENTITY and not entity):
            raise _foreign(method, principal, "This concerns every entity: name one of yours, or ask for the right.")
        if entity and scope is not Scope.NONE and not principal.sees(entity):
            raise _foreign(method, principal, "This entity is not one of yours.")

    async def _identify(self, credentials: Credentials) -> Principal:
        if self._tokens is None:
            return anonymous
        given = [value for key, value in credentials.metadata if key == "authorization"]
        if given:
            token = given[0] if len(given) == 1 else b""
            if not isinstance(token, str) or not token.lower().startswith(_BEARER):
                raise Unauthenticated("malformed", "Send one 'authorization: Bearer TOKEN'.")
            return await self._tokens.principal(token[len(_BEARER) :].strip())
        certificate = credentials.certificate()
        if certificate is not None:
            return self._by_certificate(certificate)
        raise Unauthenticated("missing", "Say who you are: by a bearer token or a client certificate.")

    def _by_certificate(self, certificate: bytes) -> Principal:
        found = [self._certificates[name] for name in names_of(certificate) if name in self._certificates]
        if len({name for name, _ in found}) != 1:
            raise Unauthenticated("certificate", "This certificate names no caller of the configuration, or several.")
        name, caller = found[0]
        return Principal(name, frozenset(caller.roles), scope_of(caller.entities))

    async def close(self) -> None:
        """Let go of connections to issuers."""
        if self._tokens is not None:
            await self._tokens.close()


def _version(access: Access | None, policy: Mapping[str, Rule]) -> str:
    rows = [f"{method} {sorted(rule.roles or ())} {rule.scope.value}" for method, rule in sorted(policy.items())]
    callers = access.model_dump_json() if access else ""
    return hashlib.sha256("\n".join([*rows, callers]).encode()).hexdigest()[:16]


def _require_role(method: str, roles: frozenset[CallerRole], principal: Principal) -> None:
    if not roles & principal.roles:
        needed = ", ".join(sorted(roles))
        raise PermissionDenied(
            f"This needs one of the roles {needed}.",
            reason="ROLE_MISSING",
            metadata={"method": method, "roles": needed, "caller": principal.name},
        )


def _foreign(method: str, principal: Principal, text: str) -> PermissionDenied:
    telemetry.log().warning("access.denied", method=method, reason="ENTITY_NOT_ALLOWED", caller=principal.name)
    return PermissionDenied(text, reason="ENTITY_NOT_ALLOWED", metadata={"method": method, "caller": principal.name})
