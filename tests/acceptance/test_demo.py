import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import short_folder

ROOT = Path(__file__).parents[2]
SECONDS = 100
KEY_LINES = [
    "its 11 payment fields are empty",
    "the Flow publishes Payment_Request__e: create_payment by hosted_checkout",
    "idempotency key counterfoil-customer-",
    "Checkout Session over 1,250.00 USD",
    "Stripe asks for exactly the record's amount: 125000 in minor units",
    "webhook payment_intent.succeeded     answered 200",
    "net = amount - fee: 1,213.45 USD = 1,250.00 USD - 36.55 USD",
    "40 webhooks answered as duplicates, none as new",
    "not one write to Salesforce",
    "yen have no minor unit: Stripe was asked for 50000",
    "Your card was declined.",
    "read 'Going live' in README.md",
]


def started(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "deploy.demo", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.timeout(SECONDS + 10)
def test_the_demo_tells_its_story_with_its_own_figures_and_leaves_nothing_behind() -> None:
    process = started()  # its output is no terminal: plain lines without being asked
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    assert [line for line in KEY_LINES if line not in output] == []
    assert "\x1b" not in output
    pid = re.search(r"process (\d+)", output)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.group(1)), 0)


@pytest.mark.timeout(SECONDS + 10)
def test_a_service_that_dies_midway_fails_the_demo_with_a_sentence() -> None:
    with short_folder() as folder, started("--plain", "--folder", str(folder)) as process:
        assert process.stdout is not None
        pid, output = 0, ""
        for line in process.stdout:
            output += line
            if found := re.search(r"process (\d+)", line):
                pid = int(found.group(1))
            if line.startswith("3. "):
                os.kill(pid, signal.SIGKILL)
                break
        output += process.stdout.read()
        assert process.wait(SECONDS) == 1, output
        assert "NOT AS TOLD" in output
        assert "the service ended unexpectedly with exit code -9" in output
        assert "Summary" not in output
        assert not (folder / "data" / "postgres" / "postmaster.pid").exists(), "its PostgreSQL was left running"


@pytest.mark.timeout(SECONDS + 10)
def test_kept_up_it_says_how_to_look_around_and_ends_well_when_interrupted() -> None:
    with short_folder() as folder, started("--keep", "--plain", "--folder", str(folder)) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.lstrip().startswith("tail -f "):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        output = "".join(lines) + rest
        assert process.wait(SECONDS) == 0, output
        for hint in ("/services/oauth2/token", "counterfoil.v1.PaymentsService/ListPayments", "/stripe/webhook-faults"):
            assert hint in output
        assert not (folder / "data" / "postgres" / "postmaster.pid").exists()
