"""The event types the service asks for, against those Stripe's own libraries name and the objects they carry."""

import json
import re
from importlib.resources import files

import pytest

from service.intake import KNOWN_TYPES
from service.intake.event_types import event_types
from tests.conformance.stripe_sandbox.schema import VENDOR

PUBLISHED = VENDOR / "stripe" / "event-types.2026-10-28.endive.json"
NOT_YET_THERE = "invoice.upcoming"  # carries an invoice that has no id


def test_all_that_stripe_tells_of_objects_we_react_to_and_nothing_else() -> None:
    listed = files("counterfoil_sandbox.stripe").joinpath("event_types.txt").read_text().splitlines()
    kinds = "|".join(re.escape(kind) for kind in KNOWN_TYPES)
    own = {name for name in listed if re.fullmatch(rf"({kinds})\.[a-z_]+", name)}
    below = {name for name in listed if re.fullmatch(r"charge\.(dispute|refund)\.[a-z_]+", name)}
    assert set(event_types()) == (own | below) - {NOT_YET_THERE}


def test_each_carries_an_object_we_react_to() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"Stripe's event types are not at {PUBLISHED}; set COUNTERFOIL_VENDOR_DATA")
    carried = {one["type"]: one["data_object"] for one in json.loads(PUBLISHED.read_text())["snapshot"]}
    names = {kind.replace(".", "").replace("_", "") for kind in KNOWN_TYPES}
    for name in event_types():
        assert carried[name].rsplit(".", 1)[-1].lower() in {*names, "session"}, name
    known = {name for name, kind in carried.items() if kind.replace(".", "").lower() in names}
    assert known - set(event_types()) <= {NOT_YET_THERE}
