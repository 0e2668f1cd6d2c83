"""What an address says of the place that it leads to."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself: localhost, 127.0.0.0/8 or ::1.

    Args:
        host: A name or an address, as `urlsplit(url).hostname` gives it.

    Example:
        >>> is_loopback("127.0.0.53"), is_loopback("localhost.example.com")
        (True, False)
    """
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
