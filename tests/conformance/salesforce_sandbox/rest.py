"""A plain HTTP client of the org, signed in with client credentials, and the vendor's samples to compare with."""

import json
import os
import ssl
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.support.sandbox import REPOSITORY

DATA = "/services/data/v66.0"


class Rest(httpx.Client):
    """Paths are relative to the data API's root."""

    token: str

    @classmethod
    def sign_in(cls, info: dict[str, Any], *, secure: bool = False) -> Self:
        base = info["url"] if secure else info["http_url"]
        verify = ssl.create_default_context(cafile=info["ca_file"])
        form = {key: info[key] for key in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
        answer = httpx.post(f"{base}/services/oauth2/token", data=form, verify=verify)
        answer.raise_for_status()
        client = cls(base_url=base + DATA, verify=verify)
        client.token = answer.json()["access_token"]
        client.headers["Authorization"] = f"Bearer {client.token}"
        return client

    def soql(self, text: str, **headers: str) -> Any:
        answer = self.get("/query", params={"q": text}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, text: str) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "attributes"} for row in self.soql(text)["records"]]

    def one(self, text: str) -> dict[str, Any]:
        (row,) = self.rows(text)
        return row

    def add(self, name: str, **body: Any) -> str:
        answer = self.post(f"/sobjects/{name}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is one error of a code, in Salesforce's list shape, and return it."""
    assert (answer.status_code, [entry["errorCode"] for entry in answer.json()]) == (status, [code]), answer.text
    entry: dict[str, Any] = answer.json()[0]
    return entry


def sample(*path: str) -> Any:
    """Return a part of the vendor's sample answers, or skip."""
    root = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
    file = root / "salesforce" / "samples" / "rest.json"
    if not file.exists():
        pytest.skip(f"the vendor's samples are not at {root} (COUNTERFOIL_VENDOR_DATA)")
    found: Any = json.loads(file.read_text())
    for name in path:
        found = found[int(name) if isinstance(found, list) else name]
    return found


def shape(value: Any) -> Any:
    """Reduce JSON to its keys and types; lists to the shapes they hold."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__
