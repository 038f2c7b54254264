"""The currencies shelf: what each org says of currencies, and which payments wait for a rate it does not have.

Owns the tables `currency_books` and `missing_rates`. Verbs: claim a reading of an org, keep what was read, load it,
tell which payments a change of rates concerns, note what lacks a rate. Touches no other table and calls nobody.
Refuses floats, and to make up a rate.
"""

from service.currencies._book import DATED, EMPTY, CurrencyBook, Quote, Span, book_of, changed_spans
from service.currencies._missing import Missing, list_missing, note_missing
from service.currencies._reporting import Reporting, reporting_of
from service.currencies._tables import claim_reading, keep, load, next_span, settle_span, stamps

__all__ = [
    "DATED",
    "EMPTY",
    "CurrencyBook",
    "Missing",
    "Quote",
    "Reporting",
    "Span",
    "book_of",
    "changed_spans",
    "claim_reading",
    "keep",
    "list_missing",
    "load",
    "next_span",
    "note_missing",
    "reporting_of",
    "settle_span",
    "stamps",
]
