"""The sandbox's Pub/Sub service as a process of its own: two contracts of one package do not fit into one process."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.pubsub_sandbox.client import Sandbox


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    ca_file = tmp_path_factory.mktemp("pubsub") / "ca.pem"
    command = [sys.executable, "-m", "counterfoil_sandbox.pubsub", "--ca-file", str(ca_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ca_file.parent) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        with httpx.Client(base_url=told["control"]) as control:
            metadata = tuple(told["metadata"].items())
            sandbox = Sandbox(told["endpoint"], told["plaintext_endpoint"], control, metadata, ca_file.read_bytes())
            with sandbox.channel:
                yield sandbox
        server.terminate()
        assert server.wait(10) == 0


@pytest.fixture
def sandbox(process: Sandbox) -> Iterator[Sandbox]:
    yield process
    process.control.delete("/pubsub/faults").raise_for_status()
    process.post("/pubsub/settings", keepalive_ms=60_000, idle_ms=60_000, publish_idle_ms=1_800_000)


@pytest.fixture
async def stub(sandbox: Sandbox) -> AsyncIterator[rpc.PubSubStub]:
    async with sandbox.stub() as stub:
        yield stub
