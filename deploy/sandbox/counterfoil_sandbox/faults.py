"""Faults asked for through the control plane: kept in order, matched by the caller, used up one by one.

This file knows nothing about what a fault means; each imitation of a vendor decides that.
"""

from collections.abc import Callable
from typing import Any

ALWAYS = -1


class FaultBook:
    """The faults still to happen on one side of the sandbox."""

    def __init__(self) -> None:
        self._faults: list[dict[str, Any]] = []

    def add(self, fault: dict[str, Any]) -> dict[str, Any]:
        """Queue a fault; `times` says how often it happens, -1 for always, 1 when absent."""
        entry = {**fault, "times": int(fault.get("times", 1))}
        self._faults.append(entry)
        return entry

    def take(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """Return the first fault that matches and count one use of it, or None."""
        for fault in self._faults:
            if matches(fault):
                if fault["times"] != ALWAYS:
                    fault["times"] -= 1
                    if fault["times"] <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def holds(self, fault: dict[str, Any]) -> bool:
        """Tell whether a fault that was taken is still queued."""
        return any(one is fault for one in self._faults)

    def pending(self) -> list[dict[str, Any]]:
        """Return what is still queued."""
        return [dict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()
