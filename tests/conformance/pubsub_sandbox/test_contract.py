"""Both statements of the wire format against Salesforce's own, and real bytes through ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_tools import protoc  # type: ignore[import-untyped]

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from tests.conformance.pubsub_sandbox.client import REPOSITORY, VENDOR_DATA

SANDBOX = REPOSITORY / "deploy" / "sandbox"
SANDBOX_PROTO = "counterfoil_sandbox/pubsub/_pb/pubsub_api.proto"
needs_vendor_data = pytest.mark.skipif(
    not VENDOR_DATA.is_dir(), reason="Salesforce's published contract is not at COUNTERFOIL_VENDOR_DATA"
)
Field = descriptor_pb2.FieldDescriptorProto
FileProto = descriptor_pb2.FileDescriptorProto


def shape(file: FileProto) -> dict[str, Any]:
    """What a contract means on the wire, in the form of Salesforce's machine-readable table."""

    def kind(field: descriptor_pb2.FieldDescriptorProto) -> str:
        name = field.type_name.rpartition(".")[2] or Field.Type.Name(field.type).removeprefix("TYPE_").lower()
        return f"repeated {name}" if field.label == Field.LABEL_REPEATED else name

    def message(stream: bool, name: str) -> str:
        return f"{'stream ' if stream else ''}{name.rpartition('.')[2]}"

    (service,) = file.service
    return {
        "package": file.package,
        "syntax": file.syntax,
        "service": service.name,
        "rpcs": {
            call.name: [
                message(call.client_streaming, call.input_type),
                message(call.server_streaming, call.output_type),
            ]
            for call in service.method
        },
        "enums": {enum.name: {value.name: value.number for value in enum.value} for enum in file.enum_type},
        "messages": {
            item.name: [{"name": f.name, "number": f.number, "type": kind(f)} for f in item.field]
            for item in file.message_type
        },
    }


def compiled(root: Path, name: str, into: Path) -> FileProto:
    target = into / "set.pb"
    assert protoc.main(["protoc", f"-I{root}", f"--descriptor_set_out={target}", name]) == 0
    files = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    return files.file[0]


@needs_vendor_data
@pytest.mark.parametrize(
    ("root", "name"),
    [(REPOSITORY / "protos", "eventbus/v1/pubsub_api.proto"), (SANDBOX, SANDBOX_PROTO)],
    ids=["service", "sandbox"],
)
def test_contract_is_salesforces_own(root: Path, name: str, tmp_path: Path) -> None:
    published = json.loads((VENDOR_DATA / "pubsub" / "contract.json").read_text())
    file = compiled(root, name, tmp_path)
    assert shape(file) == {key: value for key, value in published.items() if key != "source"}
    descriptor_pool.DescriptorPool().AddSerializedFile(file.SerializeToString())


def test_service_code_is_generated_from_its_contract() -> None:
    check = subprocess.run(
        [sys.executable, "protos/generate.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr


def test_sandbox_code_is_generated_from_its_contract(tmp_path: Path) -> None:
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    assert protoc.main(["protoc", f"-I{SANDBOX}", *outputs, SANDBOX_PROTO]) == 0
    fresh = sorted(path for path in tmp_path.rglob("*.py*") if path.is_file())
    assert len(fresh) == 3
    for path in fresh:
        assert path.read_text() == (SANDBOX / path.relative_to(tmp_path)).read_text(), path.name


@needs_vendor_data
def test_serialised_responses_decode() -> None:
    sample = json.loads((VENDOR_DATA / "samples" / "fetch_response.json").read_text())
    payload = json.loads((VENDOR_DATA / "samples" / "platform_event_payload.json").read_text())
    full = pb.FetchResponse.FromString(bytes.fromhex(sample["with_event_hex"]))
    (consumer_event,) = full.events
    assert consumer_event.replay_id.hex() == "000000000000938b0000"
    assert consumer_event.event.schema_id == "_CADE3qaegX3ECEW0rlbYA"
    assert consumer_event.event.payload.hex() == payload["avro_hex"]
    assert full.pending_num_requested == 9
    assert full.SerializeToString().hex() == sample["with_event_hex"]
    keepalive = pb.FetchResponse.FromString(bytes.fromhex(sample["keepalive_hex"]))
    assert not keepalive.events
    assert keepalive.latest_replay_id.hex() == "00000000000093a00000"
