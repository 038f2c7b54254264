"""Apex, components and quick actions come with a package and are never run; what could not be deployed is refused."""

import shutil
from pathlib import Path

import pytest

from tests.support.sandbox import PACKAGE, start_sandbox

MAIN = Path("main/default")
CLASS = MAIN / "classes/CounterfoilForm.cls"
COMPONENT = MAIN / "lwc/counterfoilRefundPayment/counterfoilRefundPayment.js"
ACTION = MAIN / "quickActions/Payment__c.Counterfoil_Refund_Payment.quickAction-meta.xml"
GRANTED = MAIN / "permissionsets/Counterfoil_Finance_Actions.permissionset-meta.xml"


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        (CLASS, None, "there is no CounterfoilForm.cls beside it"),
        (CLASS.with_name("CounterfoilForm.cls-meta.xml"), None, "there is no CounterfoilForm.cls-meta.xml"),
        (COMPONENT, None, "there is no counterfoilRefundPayment.js beside it"),
        (ACTION, (">counterfoilRefundPayment<", ">refund<"), "there is no Lightning web component refund"),
        (GRANTED, (">CounterfoilForm<", ">Form<"), "there is no Apex class Form"),
        (GRANTED, (">Counterfoil_Change_Payment<", ">All<"), "there is no custom permission All"),
    ],
)
def test_what_could_not_be_deployed_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], file: Path, edit: tuple[str, str] | None, said: str
) -> None:
    package = Path(shutil.copytree(PACKAGE, tmp_path / "force-app"))
    if edit is None:
        (package / file).unlink()
    else:
        text = (package / file).read_text()
        assert edit[0] in text
        (package / file).write_text(text.replace(*edit))
    with pytest.raises(RuntimeError, match="did not start"):
        start_sandbox(tmp_path / "state", package)
    assert said in capfd.readouterr().err


def test_a_trigger_is_refused_since_nothing_would_run_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    package = Path(shutil.copytree(PACKAGE, tmp_path / "force-app"))
    trigger = package / MAIN / "triggers" / "OnWon.trigger"
    trigger.parent.mkdir()
    trigger.write_text("trigger OnWon on Opportunity (after update) {}")
    with pytest.raises(RuntimeError, match="did not start"):
        start_sandbox(tmp_path / "state", package)
    assert "does not imitate metadata of the folder triggers" in capfd.readouterr().err
