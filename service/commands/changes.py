"""Records that ask by themselves: change rules, the change events of an org, and what is read again after a gap."""

from service.commands._catch_up import CatchUp
from service.commands._change_rules import fields_to_read, verify_changes
from service.commands._changes import ChangeAcceptor, Rulebook

__all__ = ["CatchUp", "ChangeAcceptor", "Rulebook", "fields_to_read", "verify_changes"]
