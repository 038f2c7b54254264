"""OAuth for machines: JWT bearer and client credentials, and the sessions they give.

After the OAuth flows in Salesforce Help ("OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "... Client
Credentials Flow ..."): neither flow gives a refresh token or a lifetime, so only a 401 tells that a session ended. The
username-password flow is refused as orgs refuse it that have it blocked. Tokens are kept in memory and never logged.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from counterfoil_sandbox.salesforce.ids import SHORT, to_18

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
MAX_ASSERTION_S = 300
CLOCK_SKEW_S = 60
SESSION_S = 7200  # what a token is said to last; sessions here end by faults only
_TOKEN_BYTES = 72


class OAuthError(Exception):
    """A refusal in OAuth's shape: an object with error and error_description."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.body = {"error": error, "error_description": description}


class OAuth:
    """One external client app, its certificate, one execution user, and the sessions given so far."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        public_key: RSAPublicKey,
        my_domains: Sequence[str],
        org_id: str,
        user_id: str,
        username: str,
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self._public_key = public_key
        self._audiences = [*AUDIENCES, *my_domains]
        self._org_id = org_id
        self.user_id = user_id
        self._username = username
        self._sessions: dict[str, int] = {}  # the second each began

    def token(self, form: Mapping[str, str], authorization: str, base_url: str) -> dict[str, Any]:
        """Answer a token request; ``base_url`` is the address it was sent to and becomes the instance URL.

        Raises:
            OAuthError: the request is refused.
        """
        grant = form.get("grant_type", "")
        if grant == JWT_BEARER:
            self._check_assertion(form.get("assertion", ""), base_url)
        elif grant == "client_credentials":
            self._check_client(form, authorization)
        elif grant == "password":
            raise OAuthError("invalid_grant", "authentication failure")
        else:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        answer = {
            "access_token": self._open(),
            "scope": "api",
            "instance_url": base_url,
            "id": self.identity_url(base_url),
            "token_type": "Bearer",
        }
        return answer if grant == JWT_BEARER else answer | self._sign(answer["id"])

    def introspect(self, form: Mapping[str, str], authorization: str, base_url: str) -> dict[str, Any]:
        """Tell the app of a token what it is worth (RFC 7662, "OpenID Connect Token Introspection" of Salesforce Help).

        Raises:
            OAuthError: whoever asks is not the app.
        """
        self._check_client(form, authorization)
        begun = self._sessions.get(form.get("token", ""))
        if begun is None:
            return {"active": False}
        return {
            "active": True,
            "scope": "api",
            "client_id": self.client_id,
            "username": self._username,
            "sub": self.identity_url(base_url),
            "token_type": "access_token",
            "exp": begun + SESSION_S,
            "iat": begun,
            "nbf": begun,
        }

    def identity_url(self, base_url: str) -> str:
        """Return the URL that names org and user."""
        return f"{base_url}/id/{self._org_id}/{self.user_id}"

    def is_open(self, token: str) -> bool:
        """Whether a token is that of an open session."""
        return token in self._sessions

    def close(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(token, None)

    def close_all(self) -> None:
        """End every session."""
        self._sessions.clear()

    def refuse_caller(self, token: str, instance_url: str, tenant_id: str) -> str | None:
        """Return the suffix of Pub/Sub's error code for a caller, or None if it may come in."""
        _ = instance_url  # either of the sandbox's addresses, or a proxy's
        if not self.is_open(token) or to_18(tenant_id) != self._org_id:
            return "service.auth.error"
        return None

    def _open(self) -> str:
        token = f"{self._org_id[:SHORT]}!AQ{secrets.token_urlsafe(_TOKEN_BYTES)}"
        self._sessions[token] = int(time.time())
        return token

    def _sign(self, identity: str) -> dict[str, str]:
        issued_at = str(int(time.time() * 1000))
        digest = hmac.new(self.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
        return {"issued_at": issued_at, "signature": base64.b64encode(digest).decode()}

    def _check_client(self, form: Mapping[str, str], authorization: str) -> None:
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise OAuthError("invalid_client", "invalid client credentials") from error
        if client_id != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(client_secret.encode(), self.client_secret.encode()):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str, base_url: str) -> None:
        try:
            unverified = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        if unverified.get("iss") != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        try:
            claims = jwt.decode(
                assertion,
                self._public_key,
                algorithms=["RS256"],
                audience=[*self._audiences, base_url],
                leeway=CLOCK_SKEW_S,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise OAuthError("invalid_grant", "expired authorization code") from error
        except jwt.InvalidAudienceError as error:
            raise OAuthError("invalid_grant", "audience is invalid") from error
        except jwt.InvalidTokenError as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        if claims["exp"] > time.time() + MAX_ASSERTION_S + CLOCK_SKEW_S:
            raise OAuthError("invalid_grant", "invalid assertion")
        if str(claims["sub"]).lower() != self._username.lower():
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
