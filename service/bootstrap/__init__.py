"""The one place where the service is put together, started and stopped. No module below builds its own parts.

Verbs: serve in one or more roles, open the database (the embedded one if no URL is given), check an installation
without starting it, plan what its mappings would write, preview a request, provision its webhook endpoints. Refuses to
start on a configuration that mixes live and test, or on a database that lacks migrations.
"""

from service.bootstrap._check import check
from service.bootstrap._plan import Report, plan
from service.bootstrap._preview import preview
from service.bootstrap._provision import Provisioned, provision
from service.bootstrap._serve import serve
from service.bootstrap._store import Store, open_store

__all__ = ["Provisioned", "Report", "Store", "check", "open_store", "plan", "preview", "provision", "serve"]
