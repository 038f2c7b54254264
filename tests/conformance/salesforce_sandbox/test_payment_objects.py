"""Salesforce's own payment objects: only in an org whose package has something for them, with fields set once."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import Rest, refused
from tests.support.sandbox import PACKAGE, start_sandbox

REPOSITORY = Path(__file__).parents[3]
OWN = REPOSITORY / "deploy" / "salesforce-payments" / "force-app"
FLOW = Path("main/default/flows/Payment_Is_External.flow-meta.xml")
PAYMENT = {"Amount": 5, "Status": "Pending", "Type": "Sale"}


def package(folder: Path) -> Path:
    merged = Path(shutil.copytree(PACKAGE, folder / "force-app"))
    shutil.copytree(OWN, merged, dirs_exist_ok=True)
    return merged


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    folder = tmp_path_factory.mktemp("payments")
    running = start_sandbox(folder / "state", package(folder))
    with Rest.sign_in(running.info["salesforce"]) as client:
        yield client
    assert running.stop() == 0


def stored(rest: Rest, key: str) -> dict[str, Any]:
    (row,) = rest.rows(f"SELECT Id, ProcessingMode, Status, Amount FROM Payment WHERE Stripe_Id__c = '{key}'")  # noqa: S608  (the key is of this test)
    return row


def test_an_ordinary_org_has_none(tmp_path: Path) -> None:
    running = start_sandbox(tmp_path, PACKAGE)
    with Rest.sign_in(running.info["salesforce"]) as client:
        refused(client.get("/sobjects/Payment/describe"), 404, "NOT_FOUND")
    assert running.stop() == 0


def test_the_flow_before_the_save_sets_what_is_taken_on_creation_only(rest: Rest) -> None:
    path = "/sobjects/Payment/Stripe_Id__c/pi_1"
    assert rest.patch(path, json=PAYMENT).status_code == 201
    assert stored(rest, "pi_1")["ProcessingMode"] == "External"
    assert rest.patch(path, json=PAYMENT | {"Status": "Processed", "Amount": 7.005}).status_code in {200, 204}
    row = stored(rest, "pi_1")
    assert (row["Status"], row["Amount"], row["ProcessingMode"]) == ("Processed", 7.01, "External")
    refused(rest.patch(path, json={"ProcessingMode": "External"}), 400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_the_mode_is_required_where_the_flow_does_not_run(rest: Rest) -> None:
    refused(rest.post("/sobjects/Payment", json=PAYMENT), 400, "REQUIRED_FIELD_MISSING")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<operator>Assign<", "<operator>Add<", "does not imitate Add"),
        ("$Record.ProcessingMode", "$User.ProcessingMode", "does not imitate Assign to $User"),
        ("$Record.ProcessingMode", "$Record.Mode", "there is no field Payment.Mode"),
        ("<targetReference>Set", "<targetReference>Nothing", "a single Assignment"),
        ("RecordBeforeSave", "Scheduled", "flows triggered Scheduled"),
    ],
)
def test_what_is_not_imitated_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    merged = package(tmp_path)
    text = (merged / FLOW).read_text()
    assert old in text
    (merged / FLOW).write_text(text.replace(old, new))
    with pytest.raises(RuntimeError, match="did not start"):
        start_sandbox(tmp_path / "state", merged)
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("sobject", ["Payment", "Refund"])
def test_fields_are_those_of_the_object_reference(rest: Rest, sobject: str) -> None:
    data = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
    file = data / "salesforce" / "objects" / f"{sobject}.fields.json"
    if not file.is_file():
        pytest.skip(f"no field list of the Object Reference in {file} (set COUNTERFOIL_VENDOR_DATA)")
    listed = {name.lower(): facts["properties"] for name, facts in json.loads(file.read_text())["fields"].items()}
    described = rest.get(f"/sobjects/{sobject}/describe").json()["fields"]
    flags = {"createable": "Create", "updateable": "Update", "nillable": "Nillable", "filterable": "Filter"}
    compared = 0
    for field in described:
        known = listed.get(field["name"].lower())
        if known is not None and not field["custom"]:
            assert {flag: field[flag] for flag in flags} == {flag: word in known for flag, word in flags.items()}, field
            compared += 1
    assert compared > 20
