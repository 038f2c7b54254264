"""Both doors, each on a free port of this machine."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.payments_door import PaymentsDoor, open_payments_door
from tests.integration.api.web_door import WebDoor, open_web_door


@pytest.fixture(scope="session")
async def running_door() -> AsyncIterator[WebDoor]:
    door = await open_web_door()
    yield door
    await door.close()


@pytest.fixture
def door(running_door: WebDoor) -> WebDoor:
    running_door.intake.forget()
    return running_door


@pytest.fixture
async def payments() -> AsyncIterator[PaymentsDoor]:
    door = await open_payments_door()
    yield door
    await door.close()
