"""The larger sub-commands of `counterfoil`, each in a file of its own: what a person types, and what is shown.

Verbs: the commands. Touches the store through the rooms below. Decides nothing: it asks, shows and says what was done.
"""

from service.cli._audit import audit_app
from service.cli._exceptions import app as exceptions_app
from service.cli._facts import facts
from service.cli._failures import app as failures_app
from service.cli._feeds import feeds
from service.cli._keys import app as keys_app
from service.cli._payouts import app as payouts_app
from service.cli._plan import plan
from service.cli._preview import preview
from service.cli._provision import provision
from service.cli._runs import backfill as backfill_app
from service.cli._runs import sweep as sweep_app

__all__ = [
    "audit_app",
    "backfill_app",
    "exceptions_app",
    "facts",
    "failures_app",
    "feeds",
    "keys_app",
    "payouts_app",
    "plan",
    "preview",
    "provision",
    "sweep_app",
]
