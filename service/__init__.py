"""Counterfoil: keeps Salesforce and Stripe as each other's counterfoil.

The folders are the architecture, read downhill: doors (`api`), long-running care (`maintenance`), requests to Stripe
(`commands`), pure rules (`projection`), writes to Salesforce (`delivery`), the one way in (`intake`), three shelves of
rows (`inbox`, `mirror`, `outbox`), the only code that talks to a vendor (`clients`), and the ground below them.
"""

import os

# gRPC prepares for being forked by starting threads anew in the child, which crash there when they meet Python. We fork
# only to start other programs (the embedded PostgreSQL does), which need none of that. Read when gRPC starts: so first.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
