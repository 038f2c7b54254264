"""Bearer tokens: JWTs signed by an issuer of the configuration (RFC 7519, RFC 8725, OpenID Connect Core 1.0).

Refuses what is not signed by a key of that issuer with an algorithm of our list (so "none" and shared secrets), what
was made for somebody else, what has no end, and what is older or younger than its own claims allow. A signature that
was found right is not computed again while the same token comes and the key is still the issuer's; its times are.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from service.access._keys import Keys, open_keys
from service.access._principal import Principal, scope_of
from service.clock import Clock
from service.config.access import Access, CallerRole, Issuer
from service.errors import Unauthenticated

MAX_TOKEN_CHARACTERS = 8192
_PROVEN_LIMIT = 1000
_MAX_SUBJECT_CHARACTERS = 200
_REQUIRED = ("exp", "iss", "aud", "sub")
# PyJWT's errors in the order in which one is a case of the other; the caller learns which check failed, never a value.
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet_valid"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.MissingRequiredClaimError, "claims"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidSignatureError, "signature"),
)


@dataclass(frozen=True, slots=True)
class _Proven:
    """What a token was proven to say, and by which of its issuer's keys."""

    keys: Keys
    key: jwt.PyJWK
    key_id: object
    algorithm: str
    expires: int
    principal: Principal


class Tokens:
    """Turns a token into whom it speaks of."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._clock = clock
        self._proven: OrderedDict[bytes, _Proven] = OrderedDict()  # by digest: no token is kept
        self._issuers: dict[str, tuple[str, Issuer, Keys]] = {
            issuer.issuer: (name, issuer, open_keys(issuer.keys, clock)) for name, issuer in access.issuers.items()
        }
        self._callers = {
            (caller.issuer, caller.subject): (name, caller)
            for name, caller in access.callers.items()
            if caller.issuer is not None
        }

    async def principal(self, token: str) -> Principal:
        """Return whom a token speaks of.

        Raises:
            Unauthenticated: the token does not hold; its metadata's `cause` says which check failed.
            IdentityKeysUnavailable: the issuer's keys cannot be read now.
        """
        if not token or len(token) > MAX_TOKEN_CHARACTERS:
            raise _bad("malformed")
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._proven.get(digest)
        if known is None or not await self._still_holds(known):
            known = self._proven[digest] = await self._prove(token)
        self._proven.move_to_end(digest)
        if len(self._proven) > _PROVEN_LIMIT:
            self._proven.popitem(last=False)
        return known.principal

    async def _still_holds(self, known: _Proven) -> bool:
        if self._clock.now().timestamp() >= known.expires:
            return False
        return any(key is known.key for key in await known.keys.candidates(known.key_id, known.algorithm))

    async def _prove(self, token: str) -> _Proven:
        name, issuer, keys = self._issuer_of(token)
        header = _decoded(lambda: jwt.get_unverified_header(token))
        key_id, algorithm = header.get("kid"), str(header.get("alg"))
        if algorithm not in issuer.algorithms:
            raise _bad("algorithm")
        for key in await keys.candidates(key_id, algorithm):
            try:
                claims = _decoded(lambda key=key: _verified(token, key, issuer))  # type: ignore[misc]
            except Unauthenticated as error:
                if error.metadata["cause"] != "signature":
                    raise
            else:
                return _Proven(keys, key, key_id, algorithm, int(claims["exp"]), self._principal(name, issuer, claims))
        raise _bad("signature")

    def _issuer_of(self, token: str) -> tuple[str, Issuer, Keys]:
        """Return the issuer a token names; only its own keys are then tried."""
        claims = _decoded(lambda: jwt.decode(token, options={"verify_signature": False}))
        named = claims.get("iss")
        found = self._issuers.get(named) if isinstance(named, str) else None
        if found is None:
            raise _bad("issuer")
        return found

    def _principal(self, name: str, issuer: Issuer, claims: dict[str, Any]) -> Principal:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT_CHARACTERS or not subject.isprintable():
            raise _bad("claims")
        known = self._callers.get((name, subject))
        if known is not None:
            caller_name, caller = known
            return Principal(caller_name, frozenset(caller.roles), scope_of(caller.entities))
        entities = [*issuer.entities, *(_words(claims, issuer.entities_claim) if issuer.entities_claim else ())]
        return Principal(f"{name}:{subject}", _roles(issuer, claims), scope_of(entities))

    async def close(self) -> None:
        """Let go of connections."""
        for _, _, keys in self._issuers.values():
            await keys.close()


def _verified(token: str, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=list(issuer.algorithms),
        audience=list(issuer.audience),
        issuer=issuer.issuer,
        leeway=issuer.leeway_seconds,
        options={"require": list(_REQUIRED), "strict_aud": False},
    )


def _roles(issuer: Issuer, claims: dict[str, Any]) -> frozenset[CallerRole]:
    """Return the roles of a claim's words; a word that is none of ours gives none."""
    ours = issuer.roles or {role.value: role for role in CallerRole}
    return frozenset(ours[word] for word in _words(claims, issuer.roles_claim) if word in ours)


def _words(claims: dict[str, Any], path: str) -> tuple[str, ...]:
    """Return the words of a claim: of a list, or of a text with spaces as `scope` has it (RFC 8693, 4.2)."""
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, str):
        return tuple(found.split())
    return tuple(word for word in found if isinstance(word, str)) if isinstance(found, list) else ()


def _decoded(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _bad(next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "malformed")) from None


def _bad(cause: str) -> Unauthenticated:
    return Unauthenticated(cause, "The bearer token is not valid here.")
