"""Image, compose file and manifests: linted, and true to what the repository has. None of them is started here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from service.config import Settings, load_installation

ROOT = Path(__file__).parents[2]
DOCKER, KUBERNETES = ROOT / "deploy" / "docker", ROOT / "deploy" / "kubernetes"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
STAGES = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
VARIABLES = {f"COUNTERFOIL_{name.upper()}" for name in Settings.model_fields}


def known(environment: list[str]) -> None:
    """Fail on a variable of ours that is none."""
    assert {name for name in environment if name.startswith("COUNTERFOIL_")} <= VARIABLES


def test_the_dockerfile_is_well_written() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this platform")
    linted = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_the_image_is_small_pinned_and_not_root() -> None:
    for stage in ("service", "sandbox"):
        own = DOCKERFILE.split(f" AS {stage}\n")[1].split("\nFROM ")[0]
        assert re.search(r"^USER 10001:10001$", own, re.MULTILINE)
        assert "HEALTHCHECK" in own
        assert " pip" not in own, "packages come from the build stage"
    installs = re.findall(r"pip [^\n&]*install [^\n&]*", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)
    known(re.findall(r"COUNTERFOIL_\w+", DOCKERFILE))


def test_what_is_copied_is_there_and_allowed() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in copied.split():
            assert (ROOT / source).exists()
            assert source in allowed


def test_the_compose_file_names_what_there_is() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        build = service.get("build", {})
        if build:
            assert (DOCKER / build["context"]).resolve() == ROOT
            assert (ROOT / build["dockerfile"]).is_file()
            assert build["target"] in STAGES
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in services[other] or "HEALTHCHECK" in DOCKERFILE
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "of this machine only"
        known(list(service.get("environment", {})))


def test_compose_itself_understands_the_file() -> None:
    docker = shutil.which("docker")
    asked = [docker or "", "compose", "version"]
    if docker is None or subprocess.run(asked, capture_output=True, check=False).returncode != 0:
        pytest.skip("docker compose is not installed")
    command = [docker, "compose", "-f", str(DOCKER / "compose.yaml"), "--profile", "watch", "config", "--quiet"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """Return what kustomize makes of the folder."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run([kubectl, "kustomize", KUBERNETES], capture_output=True, text=True, check=True, timeout=60)
    return list(yaml.safe_load_all(built.stdout))


def test_kubernetes_knows_every_field(manifests: list[dict[str, Any]]) -> None:
    kinds = {one["kind"] for one in manifests}
    wanted = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job", "ConfigMap", "ServiceAccount"}
    assert kinds == wanted
    for one in manifests:
        kubernetes_validate.validate(one, "1.33", strict=True)


def test_every_pod_is_confined_and_takes_its_secrets_by_reference(manifests: list[dict[str, Any]]) -> None:
    pods = {one["kind"]: one["spec"]["template"]["spec"] for one in manifests if one["kind"] in {"Deployment", "Job"}}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"]
            assert not confined["allowPrivilegeEscalation"]
            assert confined["capabilities"]["drop"] == ["ALL"]
            assert {"requests", "limits"} <= container["resources"].keys()
            known([one["name"] for one in container["env"]])
            assert not [one for one in container["env"] if "URL" in one["name"] and "postgres" in one.get("value", "")]
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted == {one["name"] for one in pod["volumes"]}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= pods["Deployment"]["containers"][0].keys()
    drain = next(one for one in pods["Deployment"]["containers"][0]["env"] if one["name"].endswith("DRAIN_SECONDS"))
    assert pods["Deployment"]["terminationGracePeriodSeconds"] > int(drain["value"])


def test_there_are_several_replicas_and_the_budget_and_services_mean_them(manifests: list[dict[str, Any]]) -> None:
    deployment = next(one for one in manifests if one["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] > 1
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    for one in manifests:
        if one["kind"] in {"Service", "PodDisruptionBudget"}:
            selector = one["spec"]["selector"]
            assert selector.get("matchLabels", selector).items() <= labels


def test_the_example_installation_is_one(manifests: list[dict[str, Any]], tmp_path: Path) -> None:
    config = next(one for one in manifests if one["kind"] == "ConfigMap")
    path = tmp_path / "counterfoil.yaml"
    path.write_text(config["data"]["counterfoil.yaml"])
    assert set(load_installation(path).entities) == {"acme"}
