"""Delivery, the one way out to Salesforce: claim desired records, send up to 200 a call, settle each by its own result.

Touches the outbox through its verbs and calls the Salesforce client; owns no table. Refuses nothing it was given: a
record Salesforce will not take is kept as dead, with the reason, and holds back only what depends on it.
"""

from service.delivery._deliver import Deliverer
from service.delivery._render import Names, field_name, object_name

__all__ = ["Deliverer", "Names", "field_name", "object_name"]
