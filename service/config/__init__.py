"""Settings of an installation, frozen and checked before anything starts.

`Installation` is the YAML file: legal entities, Stripe accounts, Salesforce orgs, field mappings. `Settings` is the
environment: addresses, limits, telemetry. Secrets are named in the file and read from files or the environment.
"""

from service.config._installation import (
    Delivery,
    Entity,
    Installation,
    Org,
    StripeAccount,
    entity_of,
)
from service.config._load import installation_schema, load_installation, load_settings
from service.config._mapping import Computed, ObjectMapping, compiled
from service.config._reactions import Reaction
from service.config._reference import settings_reference
from service.config._routing import RoutingRule
from service.config._secrets import SecretRef
from service.config._settings import Role, Settings
from service.config._sign_in import ClientCredentials, JwtBearer

__all__ = [
    "ClientCredentials",
    "Computed",
    "Delivery",
    "Entity",
    "Installation",
    "JwtBearer",
    "ObjectMapping",
    "Org",
    "Reaction",
    "Role",
    "RoutingRule",
    "SecretRef",
    "Settings",
    "StripeAccount",
    "compiled",
    "entity_of",
    "installation_schema",
    "load_installation",
    "load_settings",
    "settings_reference",
]
