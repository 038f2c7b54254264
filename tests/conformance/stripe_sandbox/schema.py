"""Stripe's published OpenAPI document as strict JSON Schema, where no property may be unknown or missing."""

import json
import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

REPOSITORY = Path(__file__).parents[3]
VENDOR = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
SPEC = VENDOR / "stripe" / "spec3.reduced.2026-08-26.dahlia.json"
# added between the schema's version and the one imitated
SINCE: dict[str, dict[str, Any]] = {
    "payment_intent": {"payment_record": {"type": "string", "nullable": True}},
    "dispute": {
        "intended_submission_method": {"type": "string", "nullable": True},
        "status": {"type": "string"},  # appeal_needs_response and appeal_under_review came to be
    },
    "checkout.session": {
        "allowed_payment_method_types": {"type": "array", "items": {"type": "string"}, "nullable": True}
    },
}
# told only when expanded (docs.stripe.com/changelog/dahlia/2026-05-27), though the schema calls them required
ONLY_EXPANDED = {"invoice": {"amount_paid_off_stripe"}}


@cache
def schemas() -> dict[str, Any]:
    """Return Stripe's schemas as JSON Schema that allows no unknown property."""
    if not SPEC.exists():
        pytest.skip(f"Stripe's OpenAPI document is not at {SPEC}; set COUNTERFOIL_VENDOR_DATA")
    components = json.loads(SPEC.read_text())["components"]["schemas"]
    for name, properties in SINCE.items():
        components[name]["properties"] |= properties
    for name, names in ONLY_EXPANDED.items():
        components[name]["required"] = [item for item in components[name]["required"] if item not in names]
    return {name: _strict(schema) for name, schema in components.items()}


def _strict(schema: Any) -> Any:
    """Translate OpenAPI 3.0 into JSON Schema: `nullable`, and closed objects."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _strict(value) for name, value in item.items()} if key == "properties" else _strict(item)
        for key, item in schema.items()
        if not key.startswith("x-") and key not in ("nullable", "description", "title", "discriminator", "format")
    }
    if "properties" in kept and "additionalProperties" not in kept:
        kept["additionalProperties"] = False
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept


@cache
def _validator(name: str) -> Any:
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}}
    return jsonschema.Draft202012Validator(root)


def conforms(body: dict[str, Any]) -> None:
    """Assert that an API answer, or an event with its object, has exactly the shape Stripe publishes."""
    if "error" in body:
        shown = deepcopy(body["error"])
        _check("api_errors", shown)
        return
    if body["object"] in ("list", "search_result"):
        for item in body["data"]:
            conforms(item)
        return
    name = f"deleted_{body['object']}" if body.get("deleted") else body["object"]
    _check(name, body)
    if body["object"] == "event":
        conforms(body["data"]["object"])


def _check(name: str, body: Any) -> None:
    errors = sorted(_validator(name).iter_errors(body), key=lambda error: list(error.absolute_path))
    lines = [f"{name} at {list(error.absolute_path)}: {_reason(error)}" for error in errors]
    assert not lines, "\n".join(lines)


def _reason(error: Any) -> str:
    deepest = error
    while deepest.context:
        deepest = max(deepest.context, key=lambda inner: len(inner.absolute_path))
    return f"{list(deepest.absolute_path)} {deepest.message[:300]}"
