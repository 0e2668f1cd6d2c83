"""Keys of BlueNexus by OAuth 2.1: a person logs in once, and the library keeps his token fresh.

PKCE (S256) alone is taken, so that a program without a secret can do it, too.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from remote_agents.errors import AuthenticationError
from remote_agents.keys import CachedKey
from remote_agents.oauth import Provider, Secret, as_secret, refresh_token

AUTHORIZE, TOKEN = "/api/v1/auth/authorize", "/api/v1/auth/token"
BASE_URL = "https://api.bluenexus.ai"
SCOPE = "agents-use"


def _at(base_url: str, path: str) -> str:
    return base_url.rstrip("/") + path


class Login(NamedTuple):
    """A login that has begun; keep it until the person comes back.

    Args:
        url: Where the person's browser is sent.
        state: Comes back with the code; another one is somebody else's.
        verifier: Proves that whoever has the code began the login. A secret.
    """

    url: str
    state: str
    verifier: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, state={self.state!r})"


def begin_login(
    client_id: str, redirect_uri: str, *, scope: str = SCOPE, base_url: str = BASE_URL
) -> Login:
    """Begin a person's login.

    Args:
        client_id: Your application's id.
        redirect_uri: Where BlueNexus sends the browser back to, with `code` and `state`.
        scope: What the token may do (default `agents-use`).
        base_url: Root address of the service.
    """
    provider = Provider(client_id, token_url=_at(base_url, TOKEN), scope=scope)
    verifier, url = secrets.token_urlsafe(48), _at(base_url, AUTHORIZE)
    with provider.client(url) as client:
        client.redirect_uri, client.code_challenge_method = redirect_uri, "S256"
        address, state = client.create_authorization_url(url, code_verifier=verifier)
    return Login(address, state, verifier)


def finish_login(
    login: Login,
    code: str,
    *,
    client_id: str,
    redirect_uri: str,
    on_new_token: Callable[[str], None] | None = None,
    base_url: str = BASE_URL,
    client_secret: Secret | None = None,
    verify: bool | str | ssl.SSLContext = True,
    timeout: float = 30.0,
) -> CachedKey:
    """The key function of a person who has come back with a code.

    Args:
        login: What `begin_login` gave.
        code: What came back in the address. Compare `state` before.
        client_id: As for `begin_login`.
        redirect_uri: As for `begin_login`.
        on_new_token: Called with each refresh token, the first included: keep it for `login_key`.
        base_url: Root address of the service.
        client_secret: Your application's secret, if it has one.
        verify: As for `remote_agents.oauth.client_credentials`.
        timeout: As for `remote_agents.oauth.client_credentials`.

    Returns:
        What goes into `api_key=`.

    Raises:
        AuthenticationError: The code is refused, or no refresh token comes with the first token.
        AgentConnectionError: BlueNexus cannot be asked just now.
    """
    url = _at(base_url, TOKEN)
    asked = {"code": code, "code_verifier": login.verifier, "redirect_uri": redirect_uri}
    secret = None if client_secret is None else as_secret(client_secret)
    told = Provider(client_id, secret, url, verify=verify, timeout=timeout).token(
        lambda client, at: client.fetch_token(at, grant_type="authorization_code", **asked)
    )
    new = told.get("refresh_token")
    if not isinstance(new, str) or not new:
        raise AuthenticationError(
            f"{urlsplit(url).hostname} gave no refresh_token, without which the login ends with "
            "its first token. Check the scope of begin_login and what the client may do."
        )
    if on_new_token is not None:
        on_new_token(new)
    return refresh_token(
        new,
        client_id=client_id,
        client_secret=secret,
        token_url=url,
        on_new_token=on_new_token,
        verify=verify,
        timeout=timeout,
    )


def login_key(token: Secret, *, client_id: str, base_url: str = BASE_URL, **more: Any) -> CachedKey:
    """The key function of a person who logged in before, from his refresh token.

    Args:
        token: The refresh token that `on_new_token` was called with last.
        client_id: Your application's id.
        base_url: Root address of the service.
        **more: As for `remote_agents.oauth.refresh_token`.

    Returns:
        What goes into `api_key=`.
    """
    return refresh_token(token, client_id=client_id, token_url=_at(base_url, TOKEN), **more)
