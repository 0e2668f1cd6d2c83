"""Tokens that are kept while they are good, those that OAuth providers give, and none at all."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from remote_agents import (
    AgentConnectionError,
    AuthenticationError,
    ConfigurationError,
    cached_key,
)
from remote_agents.oauth import client_credentials, refresh_token
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.services.bluenexus.oauth import begin_login, finish_login, login_key
from remote_agents.testing.ways import FRAMEWORKS, Way, make

QUESTION = "How many vacation days do I get?"


class IdentityProvider:
    """A small OAuth provider: what it was asked, and what it answers next."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.authorizations: list[str] = []
        self.answers: list[tuple[int, Any]] = []
        self.busy: list[tuple[str, int, float]] = []
        self.slow = threading.Event()
        self.slow.set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None: ...

            def do_GET(self) -> None:
                self.reply(*provider.next_busy("GET", 200, provider.found))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.paths.append(self.path)
                provider.asked.append({k: v[0] for k, v in parse_qs(body).items()})
                provider.authorizations.append(self.headers.get("authorization", ""))
                provider.slow.wait(5)
                self.reply(*(provider.next_busy("POST") or provider.next()))

            def reply(self, status: int, answer: Any, after: float | None = None) -> None:
                raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                if after is not None:
                    self.send_header("retry-after", str(after))
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(raw)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.found: Any = {"token_endpoint": f"{self.url}/token"}
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def next(self) -> tuple[int, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def next_busy(self, method: str, *otherwise: Any) -> tuple[Any, ...]:
        if not self.busy or self.busy[0][0] != method:
            return otherwise
        _, status, after = self.busy.pop(0)
        return status, {"message": "busy"}, after

    def gives(self, *tokens: str, **more: Any) -> None:
        self.answers = [
            (200, {"access_token": t, "token_type": "Bearer", "expires_in": 3600, **more})
            for t in tokens
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    found = IdentityProvider()
    yield found
    found.close()


def credentials(provider: IdentityProvider, **more: Any) -> Any:
    address = {} if "issuer" in more else {"token_url": f"{provider.url}/token"}
    return client_credentials(client_id="robot", client_secret="hush", **address, **more)


# --- in front of a service -----------------------------------------------------------------------


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_one_token_serves_many_turns(
    framework: str, streamed: bool, awaited: bool, sandbox: Sandbox, provider: IdentityProvider
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("private_ai")
    provider.gives(settings.pop("api_key"))
    key = credentials(provider, scope="agents", audience="pais")
    way = Way(framework, "private_ai", streamed=streamed, awaited=awaited, **settings, api_key=key)
    for _ in range(3):
        assert "25" in (await way.ask(QUESTION)).text
    grant = {"grant_type": "client_credentials", "scope": "agents", "audience": "pais"}
    assert provider.asked == [grant]
    assert provider.authorizations[0].startswith("Basic ")


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_a_refused_token_is_fetched_anew_and_the_turn_is_sent_once_more(
    awaited: bool, sandbox: Sandbox, provider: IdentityProvider
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("private_ai")
    provider.gives("withdrawn", settings.pop("api_key"))
    key = credentials(provider)
    way = Way("plain", "private_ai", streamed=False, awaited=awaited, **settings, api_key=key)
    for _ in range(2):
        assert "25" in (await way.ask(QUESTION)).text
    assert len(provider.asked) == 2
    assert len(sandbox.turns("private_ai")) == 2


async def test_many_tasks_wait_for_one_token(sandbox: Sandbox, provider: IdentityProvider) -> None:
    settings: dict[str, Any] = sandbox.kwargs("private_ai")
    provider.gives(settings.pop("api_key"))
    client = make("plain", "private_ai", **settings, api_key=credentials(provider))
    provider.slow.clear()
    turns = [asyncio.create_task(client.aask(QUESTION)) for _ in range(20)]
    await asyncio.sleep(0)
    provider.slow.set()
    assert all("25" in reply.text for reply in await asyncio.gather(*turns))
    assert len(provider.asked) == 1


# --- the grants ----------------------------------------------------------------------------------


def test_the_issuer_says_where_tokens_are_given(provider: IdentityProvider) -> None:
    provider.gives("t-1")
    assert credentials(provider, issuer=f"{provider.url}/")().get_secret_value() == "t-1"


def test_a_refresh_token_that_is_replaced_is_used_from_then_on(provider: IdentityProvider) -> None:
    told: list[str] = []
    provider.gives("t-1", "t-2", refresh_token="r-2", expires_in=0)
    key = refresh_token(
        "r-1", client_id="app", token_url=f"{provider.url}/token", on_new_token=told.append
    )
    assert [key().get_secret_value() for _ in range(2)] == ["t-1", "t-2"]
    assert [each["refresh_token"] for each in provider.asked] == ["r-1", "r-2"]
    assert told == ["r-2"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_person_logs_in_at_bluenexus(slash: str, provider: IdentityProvider) -> None:
    back, base_url = "https://app.example.com/back", provider.url + slash
    login = begin_login("app", back, base_url=base_url)
    assert login.verifier not in repr(login)
    asked = parse_qs(urlsplit(login.url).query)
    assert urlsplit(login.url).path == "/api/v1/auth/authorize"
    assert asked["code_challenge_method"] == ["S256"]
    assert (asked["state"], asked["redirect_uri"]) == ([login.state], [back])
    assert login.verifier not in login.url
    provider.gives("t-1", refresh_token="r-1", expires_in=0)
    kept: list[str] = []
    where = {"client_id": "app", "redirect_uri": back, "base_url": base_url}
    key = finish_login(login, "code-1", on_new_token=kept.append, **where)
    key()
    first, second = provider.asked
    assert (first["code"], first["code_verifier"]) == ("code-1", login.verifier)
    assert second["refresh_token"] == "r-1"
    again = login_key(kept[-1], client_id="app", base_url=base_url)
    assert again().get_secret_value() == "t-1"
    assert set(provider.paths) == {"/api/v1/auth/token"}


def test_the_code_is_exchanged_as_tokens_are_refreshed(provider: IdentityProvider) -> None:
    """With the client's secret, on the connection and in the time that the caller wants."""
    provider.gives("t-1", refresh_token="r-1", expires_in=0)
    where = {"client_id": "app", "redirect_uri": "https://a.example", "base_url": provider.url}
    login = begin_login("app", "https://a.example", base_url=provider.url)
    finish_login(login, "code-1", client_secret="hush", **where)()
    assert [each.split()[0] for each in provider.authorizations] == ["Basic", "Basic"]
    provider.slow.clear()
    begun = time.monotonic()
    with pytest.raises(AgentConnectionError, match="ReadTimeout"):
        finish_login(login, "code-1", timeout=0.2, **where)
    assert time.monotonic() - begun < 4
    provider.slow.set()
    with pytest.raises(OSError, match="No such file"):
        finish_login(login, "code-1", verify="no/such.pem", **where)


def test_a_login_without_a_refresh_token_says_so(provider: IdentityProvider) -> None:
    provider.gives("t-1")
    where = {"client_id": "app", "redirect_uri": "https://a.example", "base_url": provider.url}
    login = begin_login("app", "https://a.example", base_url=provider.url)
    with pytest.raises(AuthenticationError, match="no refresh_token"):
        finish_login(login, "code-1", **where)


def test_an_issuer_that_names_no_address(provider: IdentityProvider) -> None:
    provider.found = {}
    with pytest.raises(AuthenticationError, match="names no token_endpoint"):
        credentials(provider, issuer=provider.url)()


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (400, {"error": "invalid_client", "error_description": "no such client"}, "no such client"),
        (401, {"error": "invalid_client"}, "invalid_client"),
        (401, {"error": "bad hush", "error_description": "no hush"}, r"bad \[key\]: no \[key\]"),
        (403, {"message": "not from here"}, "answered 403"),
        (404, b"<html>", "answered 404"),
        (200, {"token_type": "Bearer"}, "no access_token"),
        (200, b"<html>", "no JSON"),
    ],
)
def test_a_provider_that_gives_none(
    status: int, answer: Any, says: str, provider: IdentityProvider
) -> None:
    provider.answers = [(status, answer)]
    with pytest.raises(AuthenticationError, match=says) as caught:
        credentials(provider)()
    assert "hush" not in str(caught.value) + repr(caught.value.__dict__)
    assert caught.value.status_code == (status if status >= 400 else 0)
    assert len(provider.asked) == 1


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_refusal_of_the_providers_is_none_of_the_services(
    framework: str, awaited: bool, sandbox: Sandbox, provider: IdentityProvider
) -> None:
    """It is not asked again, as for a token that the service refused."""
    provider.answers = [(401, {"error": "invalid_client"})]
    settings = {**sandbox.kwargs("private_ai"), "api_key": credentials(provider)}
    way = Way(framework, "private_ai", streamed=False, awaited=awaited, **settings)
    with pytest.raises(AuthenticationError, match="invalid_client") as caught:
        await way.ask(QUESTION)
    assert caught.value.status_code == 401
    assert not caught.value.safe_to_repeat
    assert len(provider.asked) == 1
    assert sandbox.requests("private_ai") == []


@pytest.mark.parametrize("asked", ["POST", "GET"], ids=["token", "issuer"])
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_provider_that_is_busy_for_a_moment(
    framework: str,
    awaited: bool,
    status: int,
    asked: str,
    sandbox: Sandbox,
    provider: IdentityProvider,
) -> None:
    settings: dict[str, Any] = sandbox.kwargs("private_ai")
    provider.gives(settings.pop("api_key"))
    provider.busy = [(asked, status, 0.0)]
    where = {"issuer": provider.url} if asked == "GET" else {}
    key = credentials(provider, **where)
    way = Way(framework, "private_ai", streamed=awaited, awaited=awaited, **settings, api_key=key)
    assert "25" in (await way.ask(QUESTION)).text
    key.drop(key())
    provider.busy = [(asked, status, 61.0)]  # longer than a turn waits
    with pytest.raises(AgentConnectionError, match=f"answered {status}") as caught:
        await way.ask(QUESTION)
    assert caught.value.safe_to_repeat
    assert caught.value.retry_after == 61.0
    assert len(sandbox.turns("private_ai")) == 1


def test_a_provider_that_is_not_there() -> None:
    key = client_credentials(client_id="a", client_secret="b", token_url="http://127.0.0.1:1/token")
    with pytest.raises(AgentConnectionError, match="could not be asked"):
        key()


@pytest.mark.parametrize(
    "address", [{}, {"token_url": "http://login.example.com/token"}, {"issuer": "login"}]
)
def test_an_address_is_needed_that_keeps_the_secret(address: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"token_url|issuer"):
        client_credentials(client_id="a", client_secret="b", **address)


def test_loopback_is_not_asked_through_a_proxy(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    provider.gives("t-1")
    assert credentials(provider)().get_secret_value() == "t-1"


def test_keys_travel_without_their_tokens(provider: IdentityProvider) -> None:
    provider.gives("t-1")
    key = credentials(provider)
    key()
    assert b"t-1" not in pickle.dumps(key)
    for other in (pickle.loads(pickle.dumps(key)), copy.deepcopy(key)):
        assert other().get_secret_value() == "t-1"
    assert "hush" not in repr(key) + repr(vars(key))
    assert isinstance(key(), SecretStr)


@pytest.mark.parametrize("key", ["", SecretStr("")], ids=["text", "secret"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("service", ENDPOINTS)
def test_an_empty_key_is_not_the_environments(
    service: str, framework: str, key: str | SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = ENDPOINTS[service]
    monkeypatch.setenv(f"{endpoint.env}_API_KEY", "the-servers-own")
    settings = {"base_url": "https://agent.example", "agent_id": "a", "api_key": key}
    if endpoint.key_optional:
        model = make(framework, service, **settings)
        agents = [getattr(each, "agent", each) for each in (model, copy.deepcopy(model))]
        assert not any(agent.key for agent in agents)
    else:
        with pytest.raises(ConfigurationError, match=f"set {endpoint.env}_API_KEY"):
            make(framework, service, **settings)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("first", ["", None, "two\nlines", "Bearer token"])
async def test_what_can_be_no_key_is_not_kept(
    first: str | None, awaited: bool, sandbox: Sandbox
) -> None:
    given = sandbox.kwargs("bluenexus")
    tokens = [first, given.pop("api_key")]
    client = make(
        "plain", "bluenexus", **given, api_key=cached_key(lambda: tokens.pop(0)), account="a"
    )
    with pytest.raises(ConfigurationError, match="key function"):
        _ = await client.aask(QUESTION) if awaited else client.ask(QUESTION)
    assert (await client.aask(QUESTION) if awaited else client.ask(QUESTION)).text
    assert tokens == []
