"""The contract as the generators read it: descriptors, the comment on each of their parts, and the worked examples.

It reads what protoc made of the .proto files, so it refuses nothing that protoc takes; an example of a method that is
not there, and a method without an example, end it with a sentence.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    EnumValueDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

PACKAGE = "counterfoil.v1"
EXAMPLES = Path(__file__).with_name("examples.yaml")
REQUIRED = "Required."

_Path = tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A call that is shown and run: its request, and what of each answer is shown.

    Attributes:
        about: what it does, as a sentence.
        request: as grpcurl takes it.
        answers: as grpcurl prints them, of a stream several; abridged.
        options: further options of grpcurl.
    """

    method: str
    about: str
    request: Mapping[str, Any]
    answers: Sequence[Mapping[str, Any]]
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Contract:
    """Everything of one package, in the order of its files; comments by full name."""

    files: Sequence[FileDescriptor]
    comments: Mapping[str, str]

    @classmethod
    def read(cls, raw: bytes) -> "Contract":
        """Read a descriptor set that was made with its imports and source info."""
        pool, found = DescriptorPool(), list[str]()
        comments: dict[str, str] = {}
        for file in FileDescriptorSet.FromString(raw).file:
            pool.AddSerializedFile(file.SerializeToString())
            if file.package == PACKAGE:
                found.append(file.name)
                comments |= _comments(file)
        return cls([pool.FindFileByName(name) for name in sorted(found)], comments)

    @property
    def services(self) -> list[ServiceDescriptor]:
        """The services, by name."""
        return [service for file in self.files for service in file.services_by_name.values()]

    @property
    def messages(self) -> list[Descriptor]:
        """The messages, without those within others."""
        return [message for file in self.files for message in file.message_types_by_name.values()]

    @property
    def enums(self) -> list[EnumDescriptor]:
        """The enumerations, those within messages after their message's."""
        top = [enum for file in self.files for enum in file.enum_types_by_name.values()]
        return top + [enum for message in self.messages for enum in message.enum_types]

    def comment(self, part: Any) -> str:
        """Return the comment on a part: paragraphs, each on one line, a blank line between them."""
        return self.comments.get(f"{part.type.full_name}.{part.name}" if _is_value(part) else part.full_name, "")

    def summary(self, part: Any) -> str:
        """Return the first paragraph of the comment on a part."""
        return self.comment(part).split("\n\n", 1)[0]

    def required(self, part: Any) -> bool:
        """Whether a field's comment says that it has to be given."""
        return self.comment(part).startswith(REQUIRED)

    @cached_property
    def examples(self) -> Mapping[str, Sequence[Example]]:
        """The worked examples of each method, by the method's full name; methods in the order of their first one.

        Raises:
            SystemExit: a method has none, or one is of no method.
        """
        methods = {method.full_name for service in self.services for method in service.methods}
        found: dict[str, list[Example]] = {}
        for example in read_examples():
            found.setdefault(example.method, []).append(example)
        for method in sorted(found.keys() - methods):
            sys.exit(f"{EXAMPLES.name}: {method} is no method of the contract")
        for method in sorted(methods - found.keys()):
            sys.exit(f"{EXAMPLES.name}: {method} has no worked example; add one, which a test then runs")
        return found


def read_examples() -> list[Example]:
    """Return the worked examples, in the order in which they are run."""
    rows = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return [Example(**row | {"method": f"{PACKAGE}.{row['method'].replace('/', '.')}"}) for row in rows]


def path_of(method: MethodDescriptor | str) -> str:
    """Return "package.Service/Method"."""
    full_name = method if isinstance(method, str) else method.full_name
    return "/".join(full_name.rsplit(".", 1))


def _is_value(part: Any) -> bool:
    return isinstance(part, EnumValueDescriptor)


def _comments(file: FileDescriptorProto) -> dict[str, str]:
    texts = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    return {name: _unwrapped(texts.get(path, "")) for path, name in _parts(file)}


def _unwrapped(comment: str) -> str:
    paragraphs = "\n".join(line.strip() for line in comment.strip().splitlines()).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _parts(file: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    """Yield the place of every part, numbered as in descriptor.proto, and its full name."""
    for number, message in enumerate(file.message_type):
        yield from _of_message((4, number), f"{file.package}.{message.name}", message)
    for number, enum in enumerate(file.enum_type):
        yield from _of_enum((5, number), file.package, enum)
    for number, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (6, number), name
        yield from (((6, number, 2, place), f"{name}.{method.name}") for place, method in enumerate(service.method))


def _of_message(path: _Path, name: str, message: DescriptorProto) -> Iterator[tuple[_Path, str]]:
    yield path, name
    yield from (((*path, 2, place), f"{name}.{field.name}") for place, field in enumerate(message.field))
    yield from (((*path, 8, place), f"{name}.{oneof.name}") for place, oneof in enumerate(message.oneof_decl))
    for place, nested in enumerate(message.nested_type):
        yield from _of_message((*path, 3, place), f"{name}.{nested.name}", nested)
    for place, enum in enumerate(message.enum_type):
        yield from _of_enum((*path, 4, place), name, enum)


def _of_enum(path: _Path, scope: str, enum: EnumDescriptorProto) -> Iterator[tuple[_Path, str]]:
    yield path, f"{scope}.{enum.name}"
    yield from (((*path, 2, place), f"{scope}.{enum.name}.{value.name}") for place, value in enumerate(enum.value))
