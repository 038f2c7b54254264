"""Clients of the seeded org: plain HTTP for shapes, simple-salesforce over TLS for the way real code asks."""

from collections.abc import Iterator

import pytest
import requests
from simple_salesforce.api import Salesforce

from tests.conformance.salesforce_sandbox.rest import Rest
from tests.support.sandbox import RunningSandbox


@pytest.fixture
def org(sandbox: RunningSandbox) -> RunningSandbox:
    """The sandbox, back in its seeded state."""
    sandbox.control("POST", "/reset")
    return sandbox


@pytest.fixture
def rest(org: RunningSandbox) -> Iterator[Rest]:
    with Rest.sign_in(org.info["salesforce"]) as client:
        yield client


@pytest.fixture
def salesforce(org: RunningSandbox) -> Iterator[Salesforce]:
    info = org.info["salesforce"]
    with Rest.sign_in(info, secure=True) as signed_in, requests.Session() as session:
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over verify
        session.verify = info["ca_file"]
        yield Salesforce(instance_url=info["url"], session_id=signed_in.token, session=session, version="66.0")
