"""The examples in deploy/config can be started with."""

from pathlib import Path

import pytest
import yaml

from service.config import Installation, ObjectMapping
from service.maintenance import verify_mappings

EXAMPLES = sorted((Path(__file__).parents[3] / "deploy" / "config").glob("*.example.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(installation: Installation, path: Path) -> None:
    # The example of a whole installation shows its mapping behind comment signs.
    lines = path.read_text().replace("\n# mappings:\n", "\nmappings:\n").splitlines()
    start = lines.index("mappings:")
    document = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines[start:]))["mappings"]["main"]
    names = {name: ObjectMapping.model_validate(one) for name, one in document.items()}
    assert names
    verify_mappings(installation.model_copy(update={"mappings": {"main": names}}))
