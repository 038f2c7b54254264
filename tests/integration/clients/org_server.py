"""An org on a real socket: signs in whoever asks, refuses tokens on request, and answers REST calls as a test says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service.config import Org
from tests.support.scripted_vendor import Reply, Request, Vendor

ORG_ID = "00D000000000001EAA"
BASE = "/services/data/v66.0"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class FakeTime:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def new_id(self) -> UUID:
        return UUID(int=1)

    def jitter(self, span: timedelta) -> timedelta:
        return span * 0


def asks_kind(request: Request) -> bool:
    """Tell whether this is the question that belongs to every sign-in."""
    return request.query.get("q") == ["SELECT IsSandbox FROM Organization LIMIT 1"]


class OrgServer:
    """Signs anybody in with a fresh token; `refused` tokens get a 401; everything else answers as `rest` says."""

    def __init__(self, it: Vendor) -> None:
        self.vendor = it
        self.tokens = 0
        self.refused: set[str] = set()
        self.sign_in: Reply | None = None
        self.kind = Reply({"totalSize": 1, "done": True, "records": [{"IsSandbox": True}]})
        self.rest = Reply({})
        it.answer = self.answer

    def answer(self, request: Request) -> Reply:
        if request.path == "/services/oauth2/token":
            if self.sign_in:
                return self.sign_in
            self.tokens += 1
            identity = f"https://login.salesforce.com/id/{ORG_ID}/005000000000001AAA"
            return Reply({"access_token": f"t{self.tokens}", "instance_url": self.vendor.url, "id": identity})
        if asks_kind(request):
            return self.kind
        if request.headers["authorization"].removeprefix("Bearer ") in self.refused:
            return Reply([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], 401)
        return self.rest

    def calls(self, path: str = BASE) -> list[Request]:
        made = self.vendor.requests
        return [request for request in made if request.path.startswith(path) and not asks_kind(request)]

    @property
    def sign_ins(self) -> list[Request]:
        return self.calls("/services/oauth2")


def org(url: str, folder: Path, flow: str = "jwt_bearer", **settings: Any) -> Org:
    (folder / "secret").write_text(PEM if flow == "jwt_bearer" else "s3cret")
    secret = {"file": folder / "secret"}
    auth = {"flow": flow, "client_id": "consumer"} | (
        {"username": "integration@acme.test", "private_key": secret}
        if flow == "jwt_bearer"
        else {"client_secret": secret}
    )
    values = {"org_id": ORG_ID, "is_sandbox": True, "login_url": url, "auth": auth, "timeout_seconds": 1, **settings}
    return Org.model_validate(values)
