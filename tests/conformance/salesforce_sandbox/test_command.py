import json
from pathlib import Path

import pytest

from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox


def test_says_where_everything_is(sandbox: RunningSandbox) -> None:
    info = sandbox.info
    assert set(info) == {"stripe", "salesforce", "pubsub", "control"}
    assert set(info["stripe"]) >= {"url", "secret_key", "account"}
    assert {"url", "http_url", "org_id", "instance_url", "client_id", "client_secret", "username", "is_sandbox"} < set(
        info["salesforce"]
    )
    state_dir = Path(info["salesforce"]["ca_file"]).parent
    assert json.loads((state_dir / "sandbox.json").read_text()) == info
    assert {file.name for file in state_dir.iterdir()} == {"ca.pem", "jwt.key", "jwt.crt", "sandbox.json"}
    assert (state_dir / "jwt.key").stat().st_mode & 0o077 == 0
    assert sandbox.control("GET", "/health") == {"status": "ok"}


def test_stops_cleanly_and_starts_alike(tmp_path: Path) -> None:
    first = start_sandbox(tmp_path / "first")
    assert first.stop() == 0
    assert not (tmp_path / "first" / "sandbox.json").exists()
    second = start_sandbox(tmp_path / "second")
    assert second.stop() == 0
    for name in ("org_id", "client_id", "client_secret"):
        assert first.info["salesforce"][name] == second.info["salesforce"][name]


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("classes/A.cls", "public class A {}", "there is no A.cls-meta.xml"),
        (
            "objects/Opportunity/fields/F__c.field-meta.xml",
            (
                "<CustomField xmlns='http://soap.sforce.com/2006/04/metadata'><fullName>F__c</fullName><label>F</label>"
                "<type>Summary</type></CustomField>"
            ),
            "does not imitate fields of type Summary",
        ),
        (
            "permissionsets/P.permissionset-meta.xml",
            (
                "<PermissionSet xmlns='http://soap.sforce.com/2006/04/metadata'><fieldPermissions>"
                "<editable>true</editable><field>Account.Nope__c</field><readable>true</readable></fieldPermissions>"
                "<label>P</label></PermissionSet>"
            ),
            "there is no field Account.Nope__c",
        ),
        (
            "flows/F.flow-meta.xml",
            (
                "<Flow xmlns='http://soap.sforce.com/2006/04/metadata'><processType>AutoLaunchedFlow</processType>"
                "<decisions/><start/></Flow>"
            ),
            "does not imitate <decisions>",
        ),
    ],
)
def test_refuses_metadata_it_cannot_honour(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], file: str, content: str, complaint: str
) -> None:
    path = tmp_path / "force-app" / "main" / "default" / file
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(RuntimeError, match="exit code 1"):
        start_sandbox(tmp_path / "state", tmp_path / "force-app")
    told = capfd.readouterr().err
    assert str(path) in told
    assert complaint in told


def test_the_projects_package_is_deployed(sandbox: RunningSandbox) -> None:
    assert PACKAGE.exists()
    assert sandbox.info["salesforce"]["is_sandbox"] is True
