"""Counterfoil: keeps Salesforce and Stripe as each other's counterfoil.

The folders are the architecture, read downhill: doors (`api`), long-running care (`maintenance`), requests to Stripe
(`commands`), pure rules (`projection`), writes to Salesforce (`delivery`), the one way in (`intake`), three shelves of
rows (`inbox`, `mirror`, `outbox`), the only code that talks to a vendor (`clients`), and the ground below them.
"""
