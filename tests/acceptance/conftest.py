"""One running stack for the stories that leave it as it was; a story that stops or reconfigures it has its own."""

from collections.abc import Iterator

import pytest

from deploy.demo.cast import Cast
from tests.support.stage import drain, staged


@pytest.fixture(scope="session")
def shared_cast(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url) as cast:
        yield cast


@pytest.fixture
def cast(shared_cast: Cast) -> Iterator[Cast]:
    """Sandbox and service, without faults of an earlier story; at the end of each story nothing is left to do."""
    yield shared_cast
    for path in ("/stripe/faults", "/stripe/webhook-faults", "/salesforce/faults", "/pubsub/faults", "/cometd/faults"):
        shared_cast.control.clear(path)
    drain(shared_cast)
