"""The example of the README, word for word: a program asks for a payment and hears of it when it is paid."""

import re
import subprocess
import sys
import threading

from deploy.demo.cast import Cast
from deploy.demo.stack import ROOT
from deploy.demo.story import pay
from tests.support.stage import new_opportunity, until_status

PATIENCE_SECONDS = 90
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_example_of_the_readme_runs_as_it_stands(cast: Cast) -> None:
    [example] = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [example] == BLOCK.findall((ROOT / "protos" / "python" / "README.md").read_text(encoding="utf-8"))
    record = new_opportunity(cast, "99.90", "USD")
    program = example.replace("localhost:50051", str(cast.service.info["grpc"])).replace("006fK0000000001QAA", record)
    command = [sys.executable, "-u", "-c", program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(PATIENCE_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("pay at http"), process.communicate(timeout=PATIENCE_SECONDS)
        pay(said.removeprefix("pay at ").strip())
        rest, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
    assert (rest, errors, process.returncode) == ("paid 9990 USD\n", "", 0)
    until_status(cast, record, "Paid")
