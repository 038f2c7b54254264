"""Delivery, the one way out to Salesforce: claim lanes, send full calls or bulk jobs, settle each record by its result.

Touches the outbox through its verbs and calls the Salesforce client; owns no table. Refuses to use more of an org's API
allowance than its share. A record Salesforce will not take is kept as dead, with the reason, and holds back only what
depends on it.
"""

from service.delivery._deliver import Deliverer
from service.delivery._render import Names, field_name, object_name

__all__ = ["Deliverer", "Names", "field_name", "object_name"]
