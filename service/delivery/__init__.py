"""Delivery, the one way out to Salesforce: claim lanes, send full calls or bulk jobs, settle each record by its result.

Reactions (tasks, notifications, events) go the same way, each by its key.

Touches outbox and history through their verbs and calls the Salesforce client; owns no table. Refuses to use more of an
org's API allowance than its share. A record Salesforce will not take is kept as dead, with the reason, and holds back
only what depends on it.
"""

from service.delivery._deliver import Deliverer
from service.delivery._reactions import EVENT, TASK, TASK_KEY, Reactor
from service.delivery._render import render

__all__ = ["EVENT", "TASK", "TASK_KEY", "Deliverer", "Reactor", "render"]
