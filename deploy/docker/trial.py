"""Makes a trial installation out of a sandbox that runs: its configuration, its key, its webhook endpoint.

For the compose file, whose containers cannot know the sandbox's keys before it has made them. Run once, it can be run
again: what is there is kept as long as the sandbox is the same. Real installations are configured by people.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BASE = "http://127.0.0.1:8080"


def configuration(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the content of the YAML file for a sandbox that told its addresses."""
    org, account = told["salesforce"], told["stripe"]
    sign_in = {"flow": "jwt_bearer", "client_id": org["client_id"], "username": org["username"]}
    return {
        "version": 1,
        "orgs": {
            "main": {
                "org_id": org["org_id"],
                "is_sandbox": org["is_sandbox"],
                "login_url": org["url"],
                "ca_file": org["ca_file"],
                "auth": sign_in | {"private_key": {"file": org["jwt_key_file"]}, "audience": org["url"]},
                "pubsub": {"endpoint": told["pubsub"]["endpoint"]},
            }
        },
        "entities": {
            "acme": {
                "org": "main",
                "checkout": {"success_url": f"{account['url']}/paid"},
                "stripe": {
                    "account": account["account"],
                    "livemode": False,
                    "api_base": account["url"],
                    "secret_key": {"file": str(folder / "stripe_key")},
                    "webhook_secrets": [{"file": str(folder / "webhook_secret")}],
                },
            }
        },
    }


def main(folder: Path) -> int:
    """Write everything below `folder`, where the sandbox keeps its state; return the exit code."""
    told = json.loads((folder / "sandbox.json").read_text())
    _keep(folder / "stripe_key", told["stripe"]["secret_key"])
    config = folder / "counterfoil.yaml"
    config.write_text(json.dumps(configuration(told, folder), indent=2))  # JSON is YAML
    command = [sys.executable, "-m", "service", "provision", "--url", BASE, "--yes", "--json", "--config", str(config)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  (our own command)
    if done.returncode != 0:
        return done.returncode
    for endpoint in json.loads(done.stdout)["endpoints"]:
        if "secret" in endpoint:
            _keep(folder / "webhook_secret", endpoint["secret"])
    return 0


def _keep(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
