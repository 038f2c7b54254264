"""Numbered steps from any earlier database to the present one, each in a transaction of its own.

`upgrade` applies them under time-outs, with one migrator at a time; `pending` tells which are missing,
`server_version` where they would go.
"""

from service.migrations._runner import pending, server_version, upgrade

__all__ = ["pending", "server_version", "upgrade"]
