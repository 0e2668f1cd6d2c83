"""Key functions for services behind OAuth 2 and OpenID Connect, on authlib (extra `oauth`).

    from remote_agents.oauth import client_credentials
    key = client_credentials(issuer="https://login.example.com/realms/r", client_id="robot",
                             client_secret="...")
    agent = PrivateAI(api_key=key)

A token is fetched once however many turns wait for it, kept until shortly before it ends, and
fetched anew when the service refuses it. A provider that answers 429 or 5xx for a moment is an
`AgentConnectionError`, asked again when it says; any other refusal is an `AuthenticationError`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from remote_agents.addresses import is_loopback
from remote_agents.errors import AgentConnectionError, AuthenticationError, ConfigurationError
from remote_agents.extras import require
from remote_agents.json_types import JsonMapping
from remote_agents.keys import CachedKey, cached_key
from remote_agents.wire.failures import retry_after
from remote_agents.wire.json import mapping

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

Secret = str | SecretStr
DISCOVERY = "/.well-known/openid-configuration"


def client_credentials(
    *,
    client_id: str,
    client_secret: Secret,
    token_url: str | None = None,
    issuer: str | None = None,
    scope: str | None = None,
    audience: str | None = None,
    verify: bool | str | ssl.SSLContext = True,
    timeout: float = 30.0,
) -> CachedKey:
    """A key function for a program of its own: the grant `client_credentials`.

    Args:
        client_id: The program's id at the provider.
        client_secret: Its secret.
        token_url: Where tokens are given; else found out from the issuer.
        issuer: The provider's address, below which `/.well-known/openid-configuration` says where.
        scope: What the token may do, with blanks between.
        audience: Whom it is for, where the provider wants to know.
        verify: True, False, the path of a CA bundle, or an `ssl.SSLContext`.
        timeout: Seconds for each request to the provider (default 30).

    Returns:
        What goes into `api_key=` of any class of this library.

    Raises:
        ConfigurationError: Neither address is given, or one would send the secret unencrypted.
        MissingExtraError: authlib is not installed.
    """
    provider = Provider(
        client_id, as_secret(client_secret), token_url, issuer, scope, verify, timeout
    )
    return cached_key(ClientCredentials(provider, audience))


def refresh_token(
    token: Secret,
    *,
    client_id: str,
    client_secret: Secret | None = None,
    token_url: str | None = None,
    issuer: str | None = None,
    on_new_token: Callable[[str], None] | None = None,
    verify: bool | str | ssl.SSLContext = True,
    timeout: float = 30.0,
) -> CachedKey:
    """A key function for a person who has logged in: the grant `refresh_token`.

    Args:
        token: The refresh token of the login.
        client_id: The program's id at the provider.
        client_secret: Its secret, if it has one.
        token_url: Where tokens are given; else found out from the issuer.
        issuer: As for `client_credentials`.
        on_new_token: Called with each new refresh token, where the provider replaces the old one:
            keep it for the next start.
        verify: As for `client_credentials`.
        timeout: As for `client_credentials`.

    Returns:
        What goes into `api_key=` of any class of this library.

    Raises:
        ConfigurationError: Neither address is given, or one would send the token unencrypted.
        MissingExtraError: authlib is not installed.
    """
    secret = None if client_secret is None else as_secret(client_secret)
    provider = Provider(client_id, secret, token_url, issuer, None, verify, timeout)
    return cached_key(Refreshing(provider, as_secret(token), on_new_token))


@dataclass(frozen=True)
class Provider:
    """Who gives tokens, and to which program; arguments as for `client_credentials`."""

    client_id: str
    client_secret: SecretStr | None = None
    token_url: str | None = None
    issuer: str | None = None
    scope: str | None = None
    verify: bool | str | ssl.SSLContext = field(default=True, repr=False)
    timeout: float = 30.0

    def __post_init__(self) -> None:
        require("OAuth", "oauth", "authlib")
        if not (self.token_url or self.issuer):
            raise ConfigurationError("Pass token_url=, or issuer= to find it out.")
        for name in ("token_url", "issuer"):
            _check_address(name, getattr(self, name))

    def located(self) -> Provider:
        """The provider with its token address, which its issuer is asked for if need be."""
        if self.token_url:
            return self
        address = f"{(self.issuer or '').rstrip('/')}{DISCOVERY}"
        with self._asking(address) as client:
            found = mapping(client.request("GET", address, withhold_token=True).json())
        endpoint = found.get("token_endpoint")
        if endpoint is None:
            raise AuthenticationError(f"{address} names no token_endpoint; check the issuer.")
        _check_address("token_url", endpoint)
        return replace(self, token_url=endpoint)

    def client(self, url: str) -> OAuth2Client:
        """A client of authlib for an address; loopback is never asked through a proxy."""
        from authlib.integrations.httpx_client import OAuth2Client

        from remote_agents.http.proxies import proxy_for

        secret = self.client_secret
        return OAuth2Client(
            self.client_id,
            None if secret is None else secret.get_secret_value(),
            scope=self.scope,
            verify=_trusted(self.verify),
            timeout=self.timeout,
            proxy=proxy_for(url),
            trust_env=False,
        )

    def token(
        self, ask: Callable[[OAuth2Client, str], JsonMapping], *sent: SecretStr
    ) -> JsonMapping:
        """What the provider answers to a request for a token, in which these secrets are sent."""
        url = self.located().token_url or ""
        with self._asking(url, *sent) as client:
            return ask(client, url)

    @contextmanager
    def _asking(self, url: str, *sent: SecretStr) -> Iterator[OAuth2Client]:
        """A client for one request, whose failure is our error."""
        answers: list[Any] = []
        secrets = [*sent, *filter(None, [self.client_secret])]
        with self.client(url) as client, _provider_errors(url, answers, secrets):
            client.event_hooks = {"response": [answers.append, partial(_check_available, url)]}
            yield client


class ClientCredentials:
    """Fetches tokens for a program of its own.

    Args:
        provider: Who gives them.
        audience: Whom they are for.
    """

    def __init__(self, provider: Provider, audience: str | None = None) -> None:
        self._provider = provider
        self._more = {} if audience is None else {"audience": audience}

    def __call__(self) -> tuple[SecretStr, float] | SecretStr:
        """A fresh token, and how many seconds it is good."""
        grant = {"grant_type": "client_credentials", **self._more}
        return _fetched(self._provider.token(lambda client, url: client.fetch_token(url, **grant)))


class Refreshing:
    """Fetches tokens for a person who has logged in.

    Args:
        provider: Who gives them.
        token: The refresh token.
        on_new_token: Called with the one that replaces it.
    """

    def __init__(
        self, provider: Provider, token: SecretStr, on_new_token: Callable[[str], None] | None
    ) -> None:
        self._provider, self._refresh, self._tell = provider, token, on_new_token

    def __call__(self) -> tuple[SecretStr, float] | SecretStr:
        """A fresh token, and how many seconds it is good."""
        old = self._refresh.get_secret_value()
        told = self._provider.token(
            lambda client, url: client.refresh_token(url, old), self._refresh
        )
        new = told.get("refresh_token")
        if isinstance(new, str) and new and new != old:
            self._refresh = SecretStr(new)
            if self._tell is not None:
                self._tell(new)
        return _fetched(told)


def _fetched(told: JsonMapping) -> tuple[SecretStr, float] | SecretStr:
    token, seconds = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token:
        raise AuthenticationError("The provider gave no access_token.")
    secret = SecretStr(token)
    return (secret, float(seconds)) if isinstance(seconds, (int, float)) else secret


def as_secret(value: Secret) -> SecretStr:
    """A secret that no `repr` shows."""
    return value if isinstance(value, SecretStr) else SecretStr(value)


def _check_address(name: str, url: object) -> None:
    if url is None:
        return
    parts = urlsplit(url if isinstance(url, str) else "")
    local = is_loopback(parts.hostname or "")
    if not (parts.hostname and (parts.scheme == "https" or (local and parts.scheme == "http"))):
        raise ConfigurationError(f"{name} is an https:// address (http:// for loopback alone).")


@contextmanager
def _provider_errors(
    url: str, answers: Sequence[Any], secrets: Sequence[SecretStr]
) -> Iterator[None]:
    """Failures of the provider as our errors, in its own words and without any secret."""
    from authlib.integrations.base_client import OAuthError

    http, host = _http_library(), urlsplit(url).hostname
    try:
        yield
    except OAuthError as error:
        code, words = str(error.error or ""), str(error.description or "")
        for secret in (each.get_secret_value() for each in secrets):
            code, words = code.replace(secret, "[key]"), words.replace(secret, "[key]")
        said = f"{code}: {words}" if words else code
        message = f"{host} gave no token: {said}. Check the client's id, secret and rights."
        status = answers[-1].status_code if answers else 0
        raise AuthenticationError(message, status_code=status, code=code or None) from None
    except (http.HTTPStatusError, ValueError):
        _check_accepted(host, answers)
        raise AuthenticationError(f"{host} gave no JSON; check the address.") from None
    except http.HTTPError as error:
        message = f"{host} could not be asked for a token: {type(error).__name__}."
        raise AgentConnectionError(message) from None
    _check_accepted(host, answers)


def _check_available(url: str, response: Any) -> None:
    """Refuse an answer that is another one a moment later: it is asked for again."""
    if response.status_code == 429 or response.status_code >= 500:
        raise AgentConnectionError(
            f"{urlsplit(url).hostname} answered {response.status_code} and gave no token; the "
            "service was sent nothing.",
            retry_after=retry_after(response.headers),
        )


def _check_accepted(host: str | None, answers: Sequence[Any]) -> None:
    status = answers[-1].status_code if answers else 200
    if status >= 300:
        message = f"{host} answered {status}; check the issuer and the token_url."
        raise AuthenticationError(message, status_code=status) from None


def _trusted(verify: bool | str | ssl.SSLContext) -> bool | ssl.SSLContext:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _http_library() -> Any:
    """The library that this authlib is built on: httpx, or what has come after it."""
    from authlib.integrations.httpx_client import OAuth2Client

    base = next(kind for kind in OAuth2Client.__mro__ if kind.__name__ == "Client")
    return import_module(base.__module__.partition(".")[0])
