"""What an address says of the place that it leads to."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


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


def may_upload_to(url: str, base_url: str) -> bool:
    """Whether a file may go to an address that a service gave: over TLS, and to no inner host.

    Args:
        url: The address.
        base_url: The service's own; what its own host may be, the other may be too.

    Example:
        >>> may_upload_to("https://storage.example/a", "https://api.example")
        True
        >>> may_upload_to("http://169.254.169.254/latest", "https://api.example")
        False
    """
    try:
        target, own = urlsplit(url), urlsplit(base_url)
        host, own_host = target.hostname or "", own.hostname or ""
        local = is_loopback(own_host) and is_loopback(host)
        if target.scheme != "https" and not (local and target.scheme == own.scheme):
            return False
        known = local or not _is_inner(host) or (_is_inner(own_host) and not _is_link_local(host))
        return bool(host) and "@" not in target.netloc and known
    except ValueError:
        return False


def _is_inner(host: str) -> bool:
    try:
        return is_loopback(host) or not ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False  # a name


def _is_link_local(host: str) -> bool:
    return is_loopback(host) or ip_address(host.partition("%")[0]).is_link_local
