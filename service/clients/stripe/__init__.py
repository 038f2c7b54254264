"""Stripe's API through the official client, and the signature on its webhooks."""

from service.clients.stripe._api import API_VERSION, Answer, StripeApi
from service.clients.stripe._keys import Purpose
from service.clients.stripe._signature import verify_webhook

__all__ = ["API_VERSION", "Answer", "Purpose", "StripeApi", "verify_webhook"]
