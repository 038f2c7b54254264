"""Sign-in without a person: OAuth 2.0 JWT bearer or client credentials, once for everybody who waits.

Refuses to ask again soon after a refusal: repeated refusals can lock the user out. Tokens have no known lifetime (there
is no `expires_in`); only a 401 tells, so a caller names the session that was refused to get another one.
Source: "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration" and "OAuth 2.0 Client Credentials Flow" in
Salesforce Help.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from opentelemetry.trace import Span

from service import config, telemetry
from service.clients._calls import Calls, timeouts
from service.clients.salesforce._errors import DENIED, UNAVAILABLE, classify, unreadable
from service.clock import Clock
from service.domain import normalise_salesforce_id
from service.errors import ConfigurationError, InvalidRequest, VendorDenied, VendorUnavailable

# Salesforce takes an assertion for a few minutes; the margin is for clocks that differ.
ASSERTION_LIFETIME = timedelta(minutes=3)
# After a refusal nobody asks for this long, twice as long after the next one, up to the second figure.
FIRST_REFUSAL_PAUSE = timedelta(seconds=30)
LONGEST_REFUSAL_PAUSE = timedelta(minutes=15)

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# OAuth words for a fault that passes; every other refusal needs a person.
_PASSING = frozenset({"server_error", "temporarily_unavailable", "unknown_error"})
_REMEDIES = {
    "invalid_grant": "check the app's certificate, the user name and that the user is pre-authorised for the app",
    "invalid_client_id": "check the client id, and wait some minutes if the app is new",
    "invalid_client": "check the client secret",
    "invalid_app_access": "assign the app to the integration user",
    "inactive_user": "activate the integration user",
    "unsupported_grant_type": "allow this flow in the app; client credentials work on My Domain hosts only",
}


@dataclass(frozen=True, slots=True)
class Session:
    """What a signed-in client holds: a bearer token, the org's https address, and its 18-character id."""

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str


class SignIn:
    """The one place that signs in to an org; all waiters share one attempt.

    Args:
        name: the org's name, for error messages.
        org: its settings.
        clock: for assertions and pauses.
        calls: the org's threads.
        http: the org's connections.

    Raises:
        ConfigurationError: the secret cannot be read, or is no key that can sign; or the authority's certificates
            cannot be read.
    """

    def __init__(self, name: str, org: config.Org, clock: Clock, calls: Calls, http: requests.Session) -> None:
        self._name = name
        self._org = org
        self._clock = clock
        self._calls = calls
        self._http = http
        secret = "private_key" if isinstance(org.auth, config.JwtBearer) else "client_secret"
        self._secret = getattr(org.auth, secret).watched(f"orgs.{name}.auth.{secret}", telemetry.tell_secret)
        self._read_authority()
        self._form()  # a key that cannot sign is a fault of the settings: it shows before anything starts
        self._current: Session | None = None
        self._attempt: asyncio.Task[Session] | None = None
        self._refusal: VendorDenied | None = None
        self._refused_until: datetime | None = None
        self._pause = FIRST_REFUSAL_PAUSE

    def _read_authority(self) -> None:
        """Raise unless the certificates can be used: found out by a call, they would look like a fault of ours."""
        if self._org.ca_file is None:
            return
        try:
            ssl.create_default_context(cafile=self._org.ca_file)
        except OSError:
            fault = f"the file {self._org.ca_file} holds no certificates that can be read"
            raise ConfigurationError(
                f"orgs.{self._name}.ca_file", fault, "Give a file of PEM certificates that this user may read"
            ) from None

    async def session(self, refresh_after: Session | None = None) -> Session:
        """Return the current session; a new one when there is none, or when `refresh_after` is the current one.

        Raises:
            VendorDenied: refused now, or so recently that Salesforce is not asked again.
            VendorUnavailable: no answer.
            ConfigurationError: the sign-in worked, but in another org than the configured one, or in a sandbox where
                none was said, or the reverse.
        """
        if self._current is not None and self._current != refresh_after:
            return self._current
        if self._attempt is None:
            self._raise_recent_refusal()
            self._attempt = asyncio.create_task(self._sign_in())
            self._attempt.add_done_callback(self._finished)
        # The attempt belongs to all waiters: one that gives up must not cancel it for the others.
        return await asyncio.shield(self._attempt)

    def _finished(self, attempt: asyncio.Task[Session]) -> None:
        self._attempt = None
        error = None if attempt.cancelled() else attempt.exception()
        if isinstance(error, VendorDenied):
            self._refusal = error
            self._refused_until = self._clock.now() + self._pause + self._clock.jitter(self._pause / 4)
            self._pause = min(self._pause * 2, LONGEST_REFUSAL_PAUSE)
        elif error is None and not attempt.cancelled():
            self._refusal = self._refused_until = None
            self._pause = FIRST_REFUSAL_PAUSE

    def _raise_recent_refusal(self) -> None:
        if self._refusal is None or self._refused_until is None:
            return
        wait = self._refused_until - self._clock.now()
        if wait > timedelta():
            raise VendorDenied(
                self._refusal.message,
                vendor="salesforce",
                code=self._refusal.code,
                reason=self._refusal.reason,
                retry_after=wait,
            )

    async def _sign_in(self) -> Session:
        # While it lasts nobody gets the old session; a failed attempt leaves none, so that the next caller asks again.
        self._current = None
        attributes = {"counterfoil.org": self._name, "salesforce.flow": self._org.auth.flow}
        session = await self._calls.run("sign_in", attributes, self._ask)
        if session.org_id != self._org.org_id:
            raise ConfigurationError(
                f"orgs.{self._name}.org_id",
                f"is {self._org.org_id}, but the credentials belong to {session.org_id}",
                "Correct the org id or the credentials",
            )
        is_sandbox = await self._calls.run("organization", attributes, lambda _: self._ask_kind(session))
        if is_sandbox is not self._org.is_sandbox:
            said, found = ("true", "production") if self._org.is_sandbox else ("false", "a sandbox")
            raise ConfigurationError(
                f"orgs.{self._name}.is_sandbox",
                f"is {said}, but the org is {found}",
                "Correct it, or the org id and the credentials",
            )
        self._current = session
        return session

    def _ask(self, current: Span) -> Session:
        answer = self._http.post(
            f"{self._org.login_url.rstrip('/')}/services/oauth2/token",
            data=self._form(),
            timeout=timeouts(self._org.timeout_seconds),
            verify=str(self._org.ca_file) if self._org.ca_file else True,
            allow_redirects=False,
        )
        current.set_attribute("http.response.status_code", answer.status_code)
        try:
            body: Any = answer.json()
        except requests.JSONDecodeError:
            body = {}
        body = body if isinstance(body, dict) else {}
        if answer.status_code != requests.codes.ok:
            raise _refusal(answer.status_code, str(body.get("error") or "")[:60])
        return _read(body)

    def _ask_kind(self, session: Session) -> bool:
        """Return Organization.IsSandbox: the id alone does not tell a copy from the org it was copied from."""
        answer = self._http.get(
            f"{session.instance_url}/services/data/v{self._org.api_version}/query",
            params={"q": "SELECT IsSandbox FROM Organization LIMIT 1"},
            headers={"Authorization": f"Bearer {session.access_token}"},
            timeout=timeouts(self._org.timeout_seconds),
            verify=str(self._org.ca_file) if self._org.ca_file else True,
            allow_redirects=False,
        )
        try:
            body: Any = answer.json()
        except requests.JSONDecodeError:
            body = None
        if answer.status_code != requests.codes.ok:
            raise classify(body, status=answer.status_code)
        try:
            kind = body["records"][0]["IsSandbox"]
        except (KeyError, IndexError, TypeError):
            kind = None
        if not isinstance(kind, bool):
            raise unreadable("organization")
        return kind

    def _form(self) -> dict[str, str]:
        auth = self._org.auth
        if isinstance(auth, config.ClientCredentials):
            return {
                "grant_type": "client_credentials",
                "client_id": auth.client_id,
                "client_secret": self._secret.value(),
            }
        host = "test" if self._org.is_sandbox else "login"
        claims = {
            "iss": auth.client_id,
            "sub": auth.username,
            "aud": auth.audience or f"https://{host}.salesforce.com",
            "exp": int((self._clock.now() + ASSERTION_LIFETIME).timestamp()),
        }
        try:
            assertion = jwt.encode(claims, self._secret.value(), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise ConfigurationError(
                f"orgs.{self._name}.auth.private_key", "is not an RSA private key", "Give it as PEM, without a password"
            ) from None
        return {"grant_type": _JWT_BEARER, "assertion": assertion}


def _refusal(status: int, error: str) -> VendorDenied | VendorUnavailable:
    what = error or f"HTTP {status}"
    passing = error in _PASSING or not error or status == requests.codes.too_many or status >= 500  # noqa: PLR2004
    if passing:
        text = f"the sign-in to Salesforce had no result ({what})"
        return VendorUnavailable(text, vendor="salesforce", code=error or None, reason=UNAVAILABLE)
    remedy = _REMEDIES.get(error, "check the app and the integration user")
    text = f"Salesforce refused the sign-in ({what}): {remedy}"
    return VendorDenied(text, vendor="salesforce", code=error, reason=DENIED)


def _read(body: dict[str, Any]) -> Session:
    token, instance = body.get("access_token"), body.get("instance_url")
    if (
        not isinstance(token, str)
        or not isinstance(instance, str)
        or urlsplit(instance).scheme not in {"http", "https"}
    ):
        raise unreadable("sign-in")
    # The identity URL ends in /id/<org>/<user>; the token itself begins with the org's 15 characters.
    identity = str(body.get("id") or "").split("/")
    org = identity[-2] if len(identity) > 2 else token.partition("!")[0]  # noqa: PLR2004
    try:
        return Session(token, instance.rstrip("/"), normalise_salesforce_id(org))
    except InvalidRequest:
        raise unreadable("org id of the sign-in") from None
