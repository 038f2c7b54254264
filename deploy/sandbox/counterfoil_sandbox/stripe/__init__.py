"""A stateful imitation of Stripe's API.

Imitated: customers, PaymentMethods of test cards, PaymentIntents, charges, refunds, disputes, balance transactions,
Checkout Sessions in payment mode, products and prices, events, webhook endpoints and their signed deliveries. Whatever
else Stripe has is refused with 501 and named; what Stripe does not have gets Stripe's own 404.
"""

from counterfoil_sandbox.stripe.sandbox import StripeSandbox

__all__ = ["StripeSandbox"]
