"""The mapping: our records in the words of one org. Names, what is left out, and values worked out by expressions.

Verbs: name, map, tell versions apart. Pure: it sees what it is given, and touches no table, file, clock or vendor.
Refuses an expression whose value Salesforce could not take exactly, such as a binary fraction.
"""

from service.mapping._apply import apply, mapping_version
from service.mapping._evaluate import ExpressionFailed, evaluate
from service.mapping._names import Names, field_name, is_custom, is_enabled, object_name

__all__ = [
    "ExpressionFailed",
    "Names",
    "apply",
    "evaluate",
    "field_name",
    "is_custom",
    "is_enabled",
    "mapping_version",
    "object_name",
]
