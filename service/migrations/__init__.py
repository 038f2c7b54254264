"""Numbered steps from any earlier database to the present one, each in a transaction of its own.

`upgrade` applies them under time-outs, with one migrator at a time; `pending` tells which are missing.
"""

from service.migrations._runner import pending, upgrade

__all__ = ["pending", "upgrade"]
