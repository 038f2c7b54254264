# ruff: noqa: S608  # the queries of a test hold nothing from outside
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import Rest, refused, sample
from tests.support.sandbox import start_sandbox

XMLNS = "xmlns='http://soap.sforce.com/2006/04/metadata'"
OBJECT = f"""<CustomObject {XMLNS}><deploymentStatus>Deployed</deploymentStatus><label>Parcel</label>
    <nameField><label>Parcel Name</label><type>Text</type></nameField><pluralLabel>Parcels</pluralLabel>
    <sharingModel>ReadWrite</sharingModel></CustomObject>"""
EVENT = f"""<CustomObject {XMLNS}><deploymentStatus>Deployed</deploymentStatus><eventType>HighVolume</eventType>
    <label>Moved</label><pluralLabel>Moved</pluralLabel></CustomObject>"""


def field(name: str, kind: str, more: str) -> str:
    return (
        f"<CustomField {XMLNS}><fullName>{name}</fullName><label>{name}</label>{more}<type>{kind}</type></CustomField>"
    )


def flow(name: str, event: str, filters: str) -> str:
    return f"""<Flow {XMLNS}><label>{name}</label><processType>AutoLaunchedFlow</processType>
    <constants><name>Heavy</name><dataType>Number</dataType><value><numberValue>100</numberValue></value></constants>
    <recordCreates><name>Tell</name><label>Tell</label><inputAssignments><field>Weight__c</field>
    <value><elementReference>$Record.Weight__c</elementReference></value></inputAssignments><object>{event}</object>
    </recordCreates><start><connector><targetReference>Tell</targetReference></connector><filterLogic>and</filterLogic>
    {filters}<object>Parcel__c</object><recordTriggerType>Update</recordTriggerType>
    <triggerType>RecordAfterSave</triggerType></start><status>Active</status></Flow>"""


def condition(name: str, operator: str, value: str) -> str:
    return f"<filters><field>{name}</field><operator>{operator}</operator><value>{value}</value></filters>"


HEAVIER = condition("Weight__c", "IsChanged", "<booleanValue>true</booleanValue>") + condition(
    "Weight__c", "GreaterThan", "<elementReference>Heavy</elementReference>"
)
FILES = {
    "objects/Settled__e/Settled__e.object-meta.xml": EVENT.replace(
        "</pluralLabel>", "</pluralLabel><publishBehavior>PublishAfterCommit</publishBehavior>"
    ),
    "objects/Settled__e/fields/Weight__c.field-meta.xml": field(
        "Weight__c", "Number", "<precision>6</precision><scale>1</scale>"
    ),
    "flows/Tell_Moved.flow-meta.xml": flow("Tell Moved", "Moved__e", HEAVIER),
    "flows/Tell_Settled.flow-meta.xml": flow("Tell Settled", "Settled__e", HEAVIER),
    "objects/Parcel__c/Parcel__c.object-meta.xml": OBJECT,
    "objects/Parcel__c/fields/Code__c.field-meta.xml": field(
        "Code__c", "Text", "<externalId>true</externalId><length>20</length>"
    ),
    "objects/Parcel__c/fields/Weight__c.field-meta.xml": field(
        "Weight__c", "Number", "<precision>6</precision><scale>1</scale>"
    ),
    "objects/Parcel__c/fields/Account__c.field-meta.xml": field(
        "Account__c",
        "MasterDetail",
        "<referenceTo>Account</referenceTo><relationshipName>Parcels</relationshipName>"
        "<relationshipOrder>0</relationshipOrder>",
    ),
    "objects/Moved__e/Moved__e.object-meta.xml": EVENT,
    "objects/Moved__e/fields/Weight__c.field-meta.xml": field(
        "Weight__c", "Number", "<precision>6</precision><scale>1</scale>"
    ),
}


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An org with a small package of its own: a key that is not unique, a master-detail, an event without a flow."""
    folder = tmp_path_factory.mktemp("package")
    for name, content in FILES.items():
        path = folder / "force-app" / "main" / "default" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    running = start_sandbox(folder / "state", folder / "force-app")
    with Rest.sign_in(running.info["salesforce"]) as client:
        yield client
    assert running.stop() == 0


def add(rest: Rest, account: str, **body: Any) -> str:
    return rest.add("Parcel__c", Account__c=account, **body)


def account(rest: Rest) -> str:
    return rest.add("Account", Name="Parcel owner")


def test_a_key_that_is_not_unique_may_name_several(rest: Rest) -> None:
    owner = account(rest)
    ids = [add(rest, owner, Name=name, Code__c="Same") for name in ("a", "b")]
    answer = rest.patch("/sobjects/Parcel__c/Code__c/same", json={"Weight__c": 1})
    paths = [f"/services/data/v66.0/sobjects/Parcel__c/{key}" for key in ids]
    assert (answer.status_code, answer.json()) == (sample("upsert_one", "many", "status"), paths)
    assert rest.get("/sobjects/Parcel__c/Code__c/SAME").status_code == 300
    record = {"attributes": {"type": "Parcel__c"}, "Code__c": "SAME", "Weight__c": 1}
    (result,) = rest.patch("/composite/sobjects/Parcel__c/Code__c", json={"records": [record]}).json()
    assert result["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert {row["Weight__c"] for row in rest.rows("SELECT Weight__c FROM Parcel__c WHERE Code__c = 'same'")} == {None}


def test_master_detail(rest: Rest) -> None:
    refused(rest.post("/sobjects/Parcel__c", json={"Name": "x"}), 400, "REQUIRED_FIELD_MISSING")
    owner = account(rest)
    parcel = add(rest, owner, Name="c", Weight__c=2.25)
    refused(
        rest.patch(f"/sobjects/Parcel__c/{parcel}", json={"Account__c": owner}), 400, "INVALID_FIELD_FOR_INSERT_UPDATE"
    )
    found = rest.soql(f"SELECT (SELECT Name, Weight__c FROM Parcels__r) FROM Account WHERE Id = '{owner}'")
    assert found["records"][0]["Parcels__r"]["records"][0]["Weight__c"] == 2.3
    assert rest.delete(f"/sobjects/Account/{owner}").status_code == 204
    assert rest.soql(f"SELECT COUNT() FROM Parcel__c WHERE Id = '{parcel}'")["totalSize"] == 0


def test_an_event_of_another_package(rest: Rest) -> None:
    answer = rest.post("/sobjects/Moved__e", json={"Weight__c": 7})
    assert (answer.status_code, answer.json()["errors"][0]["statusCode"]) == (201, "OPERATION_ENQUEUED")
    refused(rest.post("/sobjects/Moved__e", json={"Weight__c": 10**6}), 400, "NUMBER_OUTSIDE_VALID_RANGE")


def published(rest: Rest) -> int:
    limit = rest.get("/limits").json()["HourlyPublishedPlatformEvents"]
    return int(limit["Max"] - limit["Remaining"])


def test_flows_tell_at_once_or_after_commit(rest: Rest) -> None:
    parcel = add(rest, account(rest), Name="d", Weight__c=500)
    heavier = {"attributes": {"type": "Parcel__c"}, "Id": parcel, "Weight__c": 200}
    failing = {"attributes": {"type": "Parcel__c"}, "Id": parcel, "Nope__c": 1}
    before = published(rest)
    rest.patch("/composite/sobjects", json={"allOrNone": True, "records": [heavier, failing]}).raise_for_status()
    assert published(rest) == before + 1
    for weight, told in ((200, 3), (200, 3), (50, 3), (101, 5)):
        rest.patch(f"/sobjects/Parcel__c/{parcel}", json={"Weight__c": weight}).raise_for_status()
        assert published(rest) == before + told


def test_a_detail_has_no_owner(rest: Rest) -> None:
    assert "OwnerId" not in {entry["name"] for entry in rest.get("/sobjects/Parcel__c/describe").json()["fields"]}
