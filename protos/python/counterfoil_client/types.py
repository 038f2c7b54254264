"""The messages and enumerations of the contract, under their own names: `Payment`, `HostedCheckout`, `RequestState`."""

from counterfoil_client._pb.types import *  # noqa: F403  (it has an __all__, generated with it)
