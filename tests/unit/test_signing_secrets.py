"""Signing secrets of webhooks: two hold at once, and each is replaced while the service runs."""

from pathlib import Path

from service.bootstrap._roles import _signing_secrets
from service.config import Entity
from tests.support.events import ACCOUNT
from tests.support.waiting import until


async def test_two_hold_at_once_and_each_is_replaced_without_a_restart(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("whsec_1")
    new.write_text("whsec_2")
    account = {
        "account": ACCOUNT,
        "livemode": False,
        "secret_key": {"env": "X"},
        "webhook_secrets": [{"file": str(old)}, {"file": str(new)}],
    }
    secrets = _signing_secrets("acme", Entity.model_validate({"org": "main", "stripe": account}))
    assert secrets() == ["whsec_1", "whsec_2"]
    old.write_text("whsec_3")
    await until(lambda: secrets() == ["whsec_3", "whsec_2"])
    new.unlink()
    await until(lambda: secrets() == ["whsec_3", "whsec_2"])
