"""Words of both vendors that every room shares: money, identifiers, observations, desired records.

Owns no table and calls nobody; refuses floats for money and ids it cannot recognise.
"""

from service.domain._identifiers import SOURCE_OBJECTS, normalise_salesforce_id, sobject_of
from service.domain._metadata import Carried
from service.domain._money import from_minor, minor_digits, to_minor
from service.domain._observation import Evidence, Observation, canonical, moment, scrub
from service.domain._record import DesiredRecord, Reference, Value, fields_from
from service.domain._statement import Limit, Rule, Statement
from service.domain.retry import retry_delay

__all__ = [
    "SOURCE_OBJECTS",
    "Carried",
    "DesiredRecord",
    "Evidence",
    "Limit",
    "Observation",
    "Reference",
    "Rule",
    "Statement",
    "Value",
    "canonical",
    "fields_from",
    "from_minor",
    "minor_digits",
    "moment",
    "normalise_salesforce_id",
    "retry_delay",
    "scrub",
    "sobject_of",
    "to_minor",
]
