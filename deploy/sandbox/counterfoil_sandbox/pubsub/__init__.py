"""Salesforce's Pub/Sub API as the sandbox offers it: an event bus (``bus``) and a gRPC service (``sandbox``).

Managed subscriptions are refused: Salesforce calls them beta, and a client must do without them. Nothing is imported
here, so that the bus can be used without loading the contract: a process can hold only one contract of a name.
"""
