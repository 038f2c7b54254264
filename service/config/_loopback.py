"""Whether an address is this machine: what is not encrypted goes no further."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether `host` (a name or an address, without a port) is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
