"""What the control plane may tune while the sandbox runs."""

from dataclasses import dataclass, field, fields
from typing import Any

DAY_S = 86_400


@dataclass
class Settings:
    """Delays in milliseconds; `clock_offset_s` moves the sandbox's calendar, never the signature timestamps.

    `payout_list_lacks` is how many movements the list of a reconciled payout leaves out, as a list that lags behind.
    """

    balance_transaction_delay_ms: int = 150
    refund_settlement_delay_ms: int = 150
    dispute_decision_delay_ms: int = 150
    payout_arrival_delay_ms: int = 150
    payout_reconciliation_delay_ms: int = 200
    payout_trace_delay_ms: int = 400
    latency_ms: int = 0
    webhook_retry_schedule_ms: list[int] = field(default_factory=lambda: [200 * 2**step for step in range(8)])
    webhook_timeout_ms: int = 10_000
    webhook_concurrency: int = 32
    clock_offset_s: int = 0
    payout_list_lacks: int = 0

    def change(self, wanted: dict[str, Any]) -> None:
        """Set the named values; raise ValueError for a name or a value that makes no sense."""
        known = {item.name for item in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
            numbers = value if name == "webhook_retry_schedule_ms" and isinstance(value, list) else [value]
            if not all(type(number) is int and (number >= 0 or name == "clock_offset_s") for number in numbers):
                raise ValueError(f"{name} takes whole numbers from 0")
            if (name == "webhook_retry_schedule_ms") != isinstance(value, list):
                raise ValueError(f"{name} has the wrong shape")
        if wanted.get("webhook_concurrency", 1) < 1:
            raise ValueError("webhook_concurrency takes whole numbers from 1")
        for name, value in wanted.items():
            setattr(self, name, value)
