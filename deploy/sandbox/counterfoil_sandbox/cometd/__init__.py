"""Salesforce's Streaming API: the bus's events over CometD long polling, as JSON, for clients without gRPC.

It imitates what the Streaming API Developer Guide documents of Bayeux 1.0 and the replay extension; publishing over
CometD, generic channels and PushTopics are refused.
"""

from counterfoil_sandbox.cometd.sandbox import CometdSandbox

__all__ = ["CometdSandbox"]
