"""Every parameter Stripe publishes for an imitated endpoint is either read or refused by name; no others are taken."""

import json
import re
from typing import Any

import pytest
from counterfoil_sandbox.stripe import sandbox as parts
from counterfoil_sandbox.stripe.params import Array, Hash
from counterfoil_sandbox.stripe.routing import Endpoint

from tests.conformance.stripe_sandbox import schema

ENDPOINTS = [endpoint for resource in parts._RESOURCES for endpoint in resource.ENDPOINTS]
# read by older versions and gone, or newer than the published schema
EXTRA = {
    "payment_method_types",
    "allowed_payment_method_types",
    "managed_payments",
    "related_object",
    "intended_submission_method",
}
# taken by Stripe, though its documents leave it out so that nobody sends card numbers
UNPUBLISHED = "[payment_method_data][card] is not Stripe's"


def _published(endpoint: Endpoint) -> dict[str, Any]:
    if not schema.SPEC.exists():
        pytest.skip(f"Stripe's OpenAPI document is not at {schema.SPEC}; set COUNTERFOIL_VENDOR_DATA")
    paths = json.loads(schema.SPEC.read_text())["paths"]
    shape = re.sub(r"\{\w+\}", "{}", endpoint.template)
    found = next((value for path, value in paths.items() if re.sub(r"\{\w+\}", "{}", path) == shape), None)
    if found is None or endpoint.method.lower() not in found:
        pytest.skip("not among the published paths kept for this check")
    operation = found[endpoint.method.lower()]
    known = {item["name"]: item["schema"] for item in operation.get("parameters", []) if item["in"] == "query"}
    content = operation.get("requestBody", {}).get("content", {})
    for body in content.values():
        known |= body["schema"].get("properties", {})
    return known


def _compare(fields: dict[str, Any], elsewhere: frozenset[str], known: dict[str, Any], where: str) -> list[str]:
    wrong = [f"{where}[{name}] is not Stripe's" for name in {*fields, *elsewhere} - set(known) - EXTRA]
    wrong += [f"{where}[{name}] is unknown here" for name in set(known) - set(fields) - elsewhere - {"expand"}]
    for name, kind in fields.items():
        inner = kind.item if isinstance(kind, Array) else kind
        if isinstance(inner, Hash) and name in known:
            nested = _properties(known[name])
            if nested:
                wrong += _compare(dict(inner.fields), inner.elsewhere, nested, f"{where}[{name}]")
    return wrong


def _properties(node: dict[str, Any]) -> dict[str, Any]:
    node = node.get("items", node)
    found: dict[str, Any] = {}
    for branch in node.get("anyOf", [node]):
        found |= branch.get("properties", {})
    return found


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.template}")
def test_parameters_match_those_published(endpoint: Endpoint) -> None:
    known = _published(endpoint)
    wrong = _compare(dict(endpoint.params.fields), endpoint.params.elsewhere, known, "")
    assert [line for line in wrong if line != UNPUBLISHED] == []
