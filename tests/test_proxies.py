"""Proxies and TLS: what leads to a service, and what fails before a byte has left."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    BlueNexus,
    ConfigurationError,
    Timeout,
)
from remote_agents.http import pools
from remote_agents.http.proxies import proxy_for
from remote_agents.sandbox import Sandbox
from tests.certificates import Authority, authority
from tests.proxies import proxying
from tests.raw_server import serving
from tests.transports import ANSWER, KEY, WHOLE, asking

pytestmark = pytest.mark.usefixtures("fresh_pools")
NOWHERE = "127.0.0.1:9"


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return authority()


# --- loopback -------------------------------------------------------------------------------------

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "an HTTP proxy": {"HTTP_PROXY": f"http://{NOWHERE}"},
    "lower case": {"http_proxy": f"http://{NOWHERE}"},
    "a proxy for all": {"ALL_PROXY": f"http://{NOWHERE}"},
    "a SOCKS proxy": {"ALL_PROXY": f"socks5://{NOWHERE}"},
    "as GNOME writes it": {"ALL_PROXY": f"socks://{NOWHERE}/"},
    "a scheme that nobody knows": {"HTTP_PROXY": "htp://x"},
    "no address": {"HTTP_PROXY": "http://:::"},
    "brackets in NO_PROXY": {"HTTP_PROXY": f"http://{NOWHERE}", "NO_PROXY": "[::1],10.0.0.1"},
    "rubbish in NO_PROXY": {"HTTP_PROXY": f"http://{NOWHERE}", "NO_PROXY": "::/x,]:[,*.,://"},
    "no certificates": {"SSL_CERT_FILE": "/no/such.pem"},
    "no key log": {"SSLKEYLOGFILE": "/no/such/keys"},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_needs_no_proxy(
    kind: str, environment: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENTS[environment].items():
        monkeypatch.setenv(name, value)
    with serving(ANSWER) as server:
        async with asking(kind, server.url.replace("127.0.0.1", host)) as asker:
            assert await asker.ask() == "Hello"
        assert server.requests[0].startswith(b"POST /api/")


LOOPBACK = [
    "http://127.0.0.1:8700",
    "http://127.8.9.1",
    "http://[::1]:8700/x",
    "https://LOCALHOST:1/",
    "http://[::ffff:127.0.0.1]/",
    "http://localhost.:80",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_what_is_loopback(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{NOWHERE}")
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    "ask", [lambda agent: agent.ask("Hi"), lambda agent: asyncio.run(agent.aask("Hi"))]
)
def test_the_sandbox_starts_and_answers_behind_a_proxy(
    ask: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{NOWHERE}")
    monkeypatch.setenv("ALL_PROXY", f"socks5://{NOWHERE}")
    with Sandbox() as box:
        assert ask(BlueNexus(**box.kwargs("bluenexus"))).text
        assert len(box.requests("bluenexus")) == 1


# --- the proxies of the environment ---------------------------------------------------------------

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        ("*", "https://agents.example"),
        ("agents.example", "https://agents.example"),
        ("AGENTS.example ", "https://agents.EXAMPLE"),
        ("x, .example", "https://agents.example"),
        ("*.example", "https://agents.example"),
        ("example", "https://agents.example"),
        ("agents.example:443", "https://agents.example"),
        ("https://agents.example", "https://agents.example"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.1.2.3", "https://10.1.2.3:8443"),
        ("[2001:db8::1]", "https://[2001:db8:0::1]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("2001:db8::/32", "https://[2001:db8::1]"),
    ],
)
def test_what_no_proxy_names(listed: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert proxy_for(url) == PROXY
    monkeypatch.setenv("NO_PROXY", listed)
    assert proxy_for(url) is None


@pytest.mark.parametrize(("written", "proxy"), [(f" {PROXY}\n", PROXY), (" ", None)])
def test_blanks_around_a_proxy_are_none_of_it(
    written: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", written)
    assert proxy_for("https://agents.example") == proxy


@pytest.mark.parametrize(
    "listed",
    ["other.example", "ents.example", "agents.example:80", "http://agents.example", "[::1]", "]"],
)
def test_what_no_proxy_does_not_name(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", listed)
    assert proxy_for("https://agents.example") == PROXY
    assert proxy_for("http://agents.example") is None  # another variable's


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("user", [None, "me:p@ss"])
@pytest.mark.parametrize("service", ["http", "https"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
async def test_a_proxy_of_the_environment_is_used(
    kind: str,
    scheme: str,
    service: str,
    user: str | None,
    stream: bool,
    trusted: Authority,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    target, proxied = (trusted.server if each == "https" else None for each in (service, scheme))
    script = ANSWER if stream else WHOLE
    with (
        serving(script, context=target) as server,
        proxying(scheme, server.url, user=user, context=proxied) as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("p@ss", "p%40ss"))
        address = f"{service}://agents.example"
        async with asking(kind, address, allow_http=True, verify=trusted.path) as asker:
            assert await asker.ask(stream=stream) == "Hello"
    assert "agents.example" in proxy.seen[0]
    assert len(server.requests) == 1
    assert "p@ss" not in caplog.text
    assert (KEY.encode() in proxy.heard) is (service == "http")  # else TLS hides it


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("fault", ["wrong password", "nobody there", "silent"])
async def test_a_proxy_that_does_not_let_through_is_no_connection(
    kind: str, scheme: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = "me:secret" if fault == "wrong password" else None
    with serving(ANSWER) as server:
        with proxying(scheme, server.url, user=user, silent=fault == "silent") as proxy:
            url = proxy.url.replace("secret", "tip-of-tongue")
            if fault == "nobody there":
                proxy.close()
            monkeypatch.setenv("HTTPS_PROXY", url)
            patience = 0.3 if fault == "silent" else 10
            limits = Timeout(connect=patience, first_event=patience)
            async with asking(kind, "https://agents.example", timeout=limits) as asker:
                error = await asker.fails()
        expected = AgentTimeoutError if fault == "silent" else AgentConnectionError
        assert type(error) is expected, error
        assert error.safe_to_repeat
        assert "may" not in str(error)
        assert "tip-of-tongue" not in str(error)
        assert f"through the proxy {scheme}://" in str(error)
        assert KEY.encode() not in proxy.heard
        assert not server.requests


@pytest.mark.parametrize("fault", ["wrong password", "nobody there"])
async def test_nor_is_one_that_is_given_the_whole_request(
    kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(ANSWER) as server,
        proxying("http", server.url, user="me:secret") as proxy,
    ):
        if fault == "nobody there":
            proxy.close()
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("secret", "tip-of-tongue"))
        async with asking(kind, "http://agents.example", allow_http=True) as asker:
            error = await asker.fails()
        assert type(error) is AgentConnectionError, error
        assert error.safe_to_repeat
        assert "through the proxy http://" in str(error)
        assert ("nothing was sent on." in str(error)) == (fault == "wrong password")
        assert "tip-of-tongue" not in str(error)
        assert not server.requests


UNUSABLE = {
    "a scheme that nobody knows": ({"HTTPS_PROXY": "htp://x"}, "HTTPS_PROXY"),
    "an old SOCKS": ({"ALL_PROXY": "socks4://127.0.0.1:1"}, "socks5://"),
    "no host": ({"https_proxy": "http://"}, "https_proxy"),
    "no port": ({"https_proxy": "http://me:hidden@host:port"}, "https_proxy"),
    "a slash in the password": ({"https_proxy": "http://me:hidden/@host:1"}, "https_proxy"),
    "no certificates": ({"SSL_CERT_FILE": "/no/such.pem"}, "SSL_CERT_FILE=/no/such.pem"),
    "no folder of certificates": ({"SSL_CERT_FILE": "/no"}, "SSL_CERT_FILE=/no"),
    "no key log": ({"SSLKEYLOGFILE": "/no/such/keys"}, "SSLKEYLOGFILE=/no/such/keys"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_what_is_unusable_is_said_before_anything_is_sent(
    kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, said = UNUSABLE[fault]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pools.tls.cache_clear()
    async with asking(kind, "https://agents.example") as asker:
        error = await asker.fails()
    assert type(error) is ConfigurationError, error
    assert said in str(error)
    assert "Nothing was sent" in str(error) or "nothing was sent" in str(error)
    assert "hidden" not in str(error)
    assert error.safe_to_repeat


async def test_a_missing_socks_module_is_asked_for_by_name(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://{NOWHERE}")
    async with asking(kind, "https://agents.example") as asker:
        error = await asker.fails()
    assert isinstance(error, ConfigurationError)
    assert 'pip install "remote-agents[socks]"' in str(error)


# --- the caller's own client ----------------------------------------------------------------------


def no_token(*_: Any) -> None:
    raise RuntimeError("no token today")


async def ano_token(*_: Any) -> None:
    no_token()


class NoToken(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Any:
        no_token()


FAULTY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a hook": ({"event_hooks": {"request": [no_token]}}, {"event_hooks": {"request": [ano_token]}}),
    "its auth": ({"auth": NoToken()}, {"auth": NoToken()}),
}


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("fault", FAULTY)
async def test_what_fails_in_the_callers_client_before_it_sends(fault: str, awaited: bool) -> None:
    error, requests = await _fails_with(*FAULTY[fault], awaited)
    assert type(error) is AgentConnectionError
    assert error.safe_to_repeat
    assert "no token today, in no_token at test_proxies.py:" in str(error)
    assert "nothing was sent" in str(error)
    assert not requests


@pytest.mark.parametrize("awaited", [False, True])
async def test_what_fails_in_the_callers_client_after_it_sent(awaited: bool) -> None:
    error, requests = await _fails_with(
        {"event_hooks": {"response": [no_token]}},
        {"event_hooks": {"response": [ano_token]}},
        awaited,
    )
    assert not error.safe_to_repeat
    assert "may have run" in str(error)
    assert len(requests) == 1


async def _fails_with(
    settings: dict[str, Any], asettings: dict[str, Any], awaited: bool
) -> tuple[AgentError, list[bytes]]:
    with serving(ANSWER) as server, httpx.Client(**settings) as client:
        async with httpx.AsyncClient(**asettings) as aclient:
            clients = {"http_client": client, "http_async_client": aclient}
            async with asking("httpx" if awaited else "sync", server, **clients) as asker:
                return await asker.fails(), server.requests


async def test_a_transport_that_does_not_tell_may_have_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={})

    hooks = {"response": [ano_token]}
    transport = httpx.MockTransport(answer)
    client = httpx.AsyncClient(transport=transport, event_hooks=hooks)
    async with client, asking("httpx", "http://127.0.0.1:9", http_async_client=client) as asker:
        error = await asker.fails()
    assert not error.safe_to_repeat
