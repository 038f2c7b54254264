"""Stripe's API through the official client, and the signature on its webhooks."""

from service.clients.stripe._api import API_VERSION, Answer, StripeApi, path_of
from service.clients.stripe._keys import Purpose
from service.clients.stripe._signature import verify_webhook

__all__ = ["API_VERSION", "Answer", "Purpose", "StripeApi", "path_of", "verify_webhook"]
