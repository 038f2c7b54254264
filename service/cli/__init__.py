"""The larger sub-commands of `counterfoil`, each in a file of its own: what a person types, and what is shown.

Verbs: the commands. Touches the store through the rooms below. Decides nothing: it asks, shows and says what was done.
"""

from service.cli._failures import app as failures_app

__all__ = ["failures_app"]
