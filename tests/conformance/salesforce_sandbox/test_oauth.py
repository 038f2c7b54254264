import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused, sample, shape
from tests.support.sandbox import RunningSandbox

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def assertion(info: dict[str, Any], key: str | bytes | None = None, **claims: Any) -> str:
    good = {
        "iss": info["client_id"],
        "sub": info["username"],
        "aud": "https://test.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    return jwt.encode(good | claims, key or Path(info["jwt_key_file"]).read_bytes(), algorithm="RS256")


def ask(info: dict[str, Any], **form: str) -> httpx.Response:
    verify = ssl.create_default_context(cafile=info["ca_file"])
    return httpx.post(f"{info['url']}/services/oauth2/token", data=form, verify=verify)


def test_jwt_bearer(org: RunningSandbox) -> None:
    info = org.info["salesforce"]
    answer = ask(info, grant_type=JWT_BEARER, assertion=assertion(info))
    assert answer.status_code == 200
    token = answer.json()
    assert shape(token) == shape(sample("token_ok"))
    assert token["access_token"].partition("!")[0] == info["org_id"][:15]
    assert token["instance_url"] == info["url"]
    assert token["id"].endswith(f"/id/{info['org_id']}/{token['id'].rpartition('/')[2]}")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    verify = ssl.create_default_context(cafile=info["ca_file"])
    who = httpx.get(f"{info['url']}/services/oauth2/userinfo", headers=headers, verify=verify).json()
    assert (who["organization_id"], who["preferred_username"]) == (info["org_id"], info["username"])
    assert httpx.get(token["id"], headers=headers, verify=verify).json() == who


OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"iss": "somebody"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"aud": "https://elsewhere.example.com"}, "invalid_grant", "audience is invalid"),
        ({"exp": 1}, "invalid_grant", "expired authorization code"),
        ({"exp": 4_000_000_000}, "invalid_grant", "invalid assertion"),
        ({"key": OTHER_KEY}, "invalid_grant", "invalid assertion"),
    ],
)
def test_bad_assertions(org: RunningSandbox, change: dict[str, Any], error: str, description: str) -> None:
    info = org.info["salesforce"]
    answer = ask(info, grant_type=JWT_BEARER, assertion=assertion(info, **change))
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


@pytest.mark.parametrize("audience", ["https://login.salesforce.com", "url", "http_url"])
def test_audiences(org: RunningSandbox, audience: str) -> None:
    info = org.info["salesforce"]
    claim = assertion(info, aud=info.get(audience, audience))
    assert ask(info, grant_type=JWT_BEARER, assertion=claim).status_code == 200


def test_client_credentials_and_refusals(org: RunningSandbox) -> None:
    info = org.info["salesforce"]
    good = {"client_id": info["client_id"], "client_secret": info["client_secret"]}
    assert ask(info, grant_type="client_credentials", **good).status_code == 200
    wrong = ask(info, grant_type="client_credentials", **(good | {"client_secret": "x"}))
    assert (wrong.status_code, wrong.json()) == (400, sample("token_errors", "3"))
    password = ask(info, grant_type="password", username=info["username"], password="x", **good)
    assert (password.status_code, password.json()["error"]) == (400, "invalid_grant")
    assert ask(info, grant_type="magic").json()["error"] == "unsupported_grant_type"


def test_instance_url_follows_the_door(org: RunningSandbox) -> None:
    info = org.info["salesforce"]
    basic = httpx.BasicAuth(info["client_id"], info["client_secret"])
    form = {"grant_type": "client_credentials"}
    answer = httpx.post(f"{info['http_url']}/services/oauth2/token", data=form, auth=basic)
    assert answer.json()["instance_url"] == info["http_url"]


def test_without_a_session(org: RunningSandbox, rest: Rest) -> None:
    url = org.info["salesforce"]["http_url"]
    for token in ("x", "00D!nonsense"):
        answer = httpx.get(f"{url}{DATA}/limits", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()) == (401, sample("errors", "401"))
    assert rest.get("/limits").status_code == 200
    assert httpx.post(f"{url}/services/oauth2/revoke", data={"token": rest.token}).status_code == 200
    refused(rest.get("/limits"), 401, "INVALID_SESSION_ID")


def test_versions_need_no_session(org: RunningSandbox, rest: Rest) -> None:
    url = org.info["salesforce"]["http_url"]
    versions = httpx.get(f"{url}/services/data").json()
    assert [entry["version"] for entry in versions] == [f"{number}.0" for number in range(31, 69)]
    assert versions[-1] == sample("versions", "0")
    assert httpx.get(f"{url}/services/data/").json() == versions
    answer = rest.get(f"{url}/services/data/v69.0/limits")
    assert (answer.status_code, answer.json()) == (404, [{**sample("errors", "404", "0")}])
    assert "sobjects" in rest.get(f"{url}/services/data/v60.0/").json()
