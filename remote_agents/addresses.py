"""What an address says of the place that it leads to."""

from __future__ import annotations

import re
import socket
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

INNER_NAMES = (".localhost", ".local", ".internal", ".home.arpa")  # as RFC 6761 and ICANN say
NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=256)  # many agents have one host
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


def origin_of(url: str) -> str:
    """Scheme, host and port of an address: what may be shown of one that is signed, or odd.

    Example:
        >>> origin_of("https://me:secret@storage.example:8443/a?signature=secret")
        'https://storage.example:8443'
    """
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return f"{scheme}://{authority.rpartition('@')[2]}"


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
        odd = "@" in target.netloc or ("%" in host and ":" not in host) or target.port == 0
        return bool(host) and not odd and known
    except ValueError:
        return False


def _is_inner(host: str) -> bool:
    address = _address(host)
    if address is None:  # a name; one without a dot is looked up nearby
        return "." not in host.rstrip(".") or host.rstrip(".").lower().endswith(INNER_NAMES)
    return address.is_multicast or not address.is_global


def _is_link_local(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.rstrip(".").lower().endswith(("localhost", "metadata.google.internal"))
    return address.is_loopback or address.is_link_local


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, in whatever way it is written; None if it is a name."""
    plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").partition("%")[0]
    try:
        address = ip_address(plain)
    except ValueError:
        try:  # as resolvers read 127.1, 0x7f000001 and 2130706433
            return IPv4Address(socket.inet_aton(plain))
        except (OSError, ValueError):
            return None
    return _embedded_ipv4(address) if isinstance(address, IPv6Address) else address


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that packets to this one go to, if there is one."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or [address])[-1]
