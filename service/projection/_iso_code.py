"""CurrencyIsoCode: the currency of a record in an org with several, on the custom objects that are ours.

It is written only if the currency is active in the org, since Salesforce takes no other, and never where the mapping
says something of its own about the field, or keeps our records in an object that is not custom.
Source: Object Reference, "Currency Fields" (multicurrency orgs; the value is one of the org's active currencies).
"""

from dataclasses import replace

from service.currencies import CurrencyBook
from service.domain import DesiredRecord
from service.mapping import Names, is_custom

ISO_CODE, _CODE = "CurrencyIsoCode", "Currency_Code__c"


def with_iso_code(record: DesiredRecord, names: Names, book: CurrencyBook) -> DesiredRecord:
    """Return a record with its currency as the org keeps it; as it is where that is not to be."""
    code = record.fields.get(_CODE)
    if code not in book.active or record.key_field == "Id":
        return record
    mapping = names.get(record.sobject)
    if mapping is not None and (ISO_CODE in mapping.extra or ISO_CODE in mapping.fields):
        return record
    if mapping is not None and ISO_CODE in {getattr(target, "to", target) for target in mapping.fields.values()}:
        return record
    if not is_custom(names, record.sobject):
        return record
    return replace(record, fields={**record.fields, ISO_CODE: code})
