"""Which proxy leads to an address: none to loopback, else the one that the environment names.

httpx reads the environment too, but once for all addresses, refuses what it cannot parse there, and
sends loopback requests, with their key, to the proxy.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from remote_agents.addresses import is_loopback
from remote_agents.errors import ConfigurationError
from remote_agents.extras import MissingExtraError, needs

PORTS = {"http": 80, "https": 443}
SOCKS = ("socks5", "socks5h")


def proxy_for(url: str) -> str | None:
    """The address of the proxy for a URL, or None if it is reached directly.

    Args:
        url: The whole URL of a request, or the root of its service.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if is_loopback(host):
        return None
    proxies = {name: address.strip() for name, address in getproxies().items()}
    scheme = next((name for name in (parts.scheme, "all") if proxies.get(name)), None)
    if scheme is None:
        return None
    port = parts.port or PORTS.get(parts.scheme, 0)
    listed = re.split(r"[,\s]+", proxies.get("no", "").lower())
    if any(_covers(entry, parts.scheme, host, port) for entry in listed):
        return None
    return _usable(proxies[scheme], _source(scheme))


def without_credentials(proxy: str) -> str:
    """The address of a proxy as it may be shown."""
    return re.sub(r"//.*@", "//...@", proxy)


def _covers(entry: str, scheme: str, host: str, port: int) -> bool:
    """Whether one entry of NO_PROXY names a host: by name, domain, address or network."""
    if "://" in entry:
        wanted, _, entry = entry.partition("://")
        if wanted not in (scheme, "all"):
            return False
    if entry in ("", "*"):
        return entry == "*"
    name, wanted_port = _host_and_port(entry)
    if wanted_port not in ("", str(port)):
        return False
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        name = name.lstrip("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _host_and_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _source(scheme: str) -> str:
    """The name of the variable that a proxy is from."""
    names = (f"{scheme}_proxy", f"{scheme}_PROXY".upper())
    return next((name for name in names if os.environ.get(name)), "The system's proxy setting")


def _usable(proxy: str, source: str) -> str:
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    proxy = re.sub(r"^socks://", "socks5://", proxy)  # as GNOME writes it
    try:
        parts = urlsplit(proxy)
        known = bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        parts, known = SplitResult("", "", "", "", ""), False
    if not known or parts.scheme not in ("http", "https", *SOCKS):
        raise ConfigurationError(
            f"{source} is {without_credentials(proxy)!r}; the address of a proxy is like "
            "http://host:port, https://host:port or socks5://host:port. Nothing was sent."
        )
    if parts.scheme in SOCKS:
        _need_socksio(source)
    return proxy


def _need_socksio(source: str) -> None:
    try:
        import socksio  # noqa: F401 - found with fewer looks at the disk than `find_spec` takes
    except ImportError:
        message = needs(f"The SOCKS proxy of {source}", "socks", "socksio")
        raise MissingExtraError(f"{message}. Nothing was sent.") from None
