"""What SECURITY.md promises."""

import asyncio
import json
import logging
import pickle
import re
import traceback
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import remote_agents
from remote_agents import AgentError, ConfigurationError, Message, Timeout, cached_key
from remote_agents.agent import Agent
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, NAMES, Way
from tests.raw_server import EVENTS, HOLD, JSON, RESET, Step, head, serving

KEY = "sk-4cf1a9e2b7-very-secret"
COOKIE = "session=very-secret-cookie"
OURS = re.compile(r"(remote_agents(?!\.testing)|langchain_agents|llamaindex_agents)\b")
PLAIN_KINDS = ("sync", "async", "httpx")


def keys() -> dict[str, Any]:
    async def afresh() -> str:
        return KEY

    return {"text": KEY, "secret": SecretStr(KEY), "function": lambda: KEY, "coroutine": afresh}


def echo(status: str) -> list[Step]:
    """A service that quotes the whole request, key included, in its error."""
    said = json.dumps(
        {
            "message": f"Bad header 'Authorization: Bearer {KEY}'",
            "headers": [{"authorization": KEY}],
        }
    ).encode()
    return [head(JSON, status, f"Set-Cookie: {COOKIE}", length=len(said)), said]


FAILURES: dict[str, list[Step]] = {
    "refused, quoting the key": echo("401 Unauthorized"),
    "invalid, quoting the key": echo("422 Unprocessable Entity"),
    "failed in 200, the key in the answer": echo("200 OK"),
    "an error event, the key in the answer": [
        head(),
        b'data: {"error": {"message": "%s", "code": "%s"}}\n\n' % (KEY.encode(), KEY.encode()),
    ],
    "reset": [RESET],
    "no HTTP, the key in the answer": [b"SSH-2.0 %s\r\n\r\n" % KEY.encode()],
    "bad headers, the key in the answer": [
        b"HTTP/1.1 200 OK\r\nX-Echo: %s\r\n bad\x00\r\n\r\n" % KEY.encode()
    ],
    "silence": [HOLD],
    "cut off": [head(), b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'],
}


def with_locals(error: BaseException) -> str:
    """What a tracker shows of an error: the whole chain, with the locals of every frame."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def ask(kind: str, url: str, key: str, framework: str = "plain", wait: float = 20) -> AgentError:
    """The error of a turn; no frame of this file holds the key."""
    client = httpx.AsyncClient()
    settings = {"base_url": url, "max_retries": 0, "timeout": Timeout(first_event=wait)}
    way = Way(
        framework,
        "bluenexus",
        streamed=True,
        awaited=kind != "sync",
        api_key=keys()[key],
        http_async_client=client if kind == "httpx" else None,
        **settings,
    )
    with pytest.raises(AgentError) as raised:
        way.ask("Hi").send(None) if kind == "sync" else asyncio.run(_ask_and_close(way, client))
    return raised.value


async def _ask_and_close(way: Way, client: httpx.AsyncClient) -> None:
    async with client:
        await way.ask("Hi")


@pytest.mark.parametrize("kind", PLAIN_KINDS)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("key", ["text", "function"])
def test_keys_are_in_no_error_and_no_log(
    kind: str, failure: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(FAILURES[failure]) as server:
        error = ask(kind, server.url, key, wait=0.5 if failure == "silence" else 20)
        assert KEY.encode() in server.requests[0]  # it was sent where it belongs
    for link in chain(error):
        assert KEY not in f"{link} {link!r} {link.args!r} {vars(link)!r}"
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("remote_agents")]
    assert KEY not in "".join(ours)
    assert COOKIE not in "".join(ours)
    if not failure.endswith("in the answer"):  # there the frames hold it as content
        assert KEY not in with_locals(error)
        assert KEY not in caplog.text


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_keys_are_in_no_error_of_a_framework(kind: str, framework: str) -> None:
    with serving(FAILURES["refused, quoting the key"]) as server:
        error = ask(kind, server.url, "text", framework)
    assert KEY not in with_locals(error)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_id_that_quotes_the_key_is_in_no_error(kind: str, framework: str) -> None:
    told = (f"X-Conversation-Id: of-{KEY}", f"X-Request-Id: of-{KEY}")
    with serving([head(EVENTS, "200 OK", *told), b'data: {"cho', RESET]) as server:
        error = ask(kind, server.url, "text", framework)
    assert isinstance(error, remote_agents.AgentError)
    assert error.conversation_id == "of-[key]"
    for link in chain(error):
        assert KEY not in f"{link} {link!r} {link.args!r} {vars(link)!r}"


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_request_is_in_no_frame_of_an_error(kind: str, framework: str) -> None:
    with serving([b"HTTP/1.1 9x9 no\r\n\r\n"]) as server:
        error = ask(kind, server.url, "text", framework)
    assert "Request(method=" not in with_locals(error)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
async def test_what_a_call_sends_is_in_no_frame_of_ours(awaited: bool, framework: str) -> None:
    with serving([head(JSON, "401 No", length=2), b"{}"]) as server:
        way = Way(
            framework,
            "bluenexus",
            awaited=awaited,
            streamed=False,
            api_key="k",
            base_url=server.url,
        )
        call = {"headers": {"X-Secret": KEY}, "extra_body": {"secret": KEY}}
        with pytest.raises(AgentError) as raised:
            await way.ask("Hi", **call)
        assert KEY.encode() in server.requests[0].partition(b"\r\n\r\n")[0]
    frames = [frame for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
    ours = [frame for frame in frames if OURS.match(frame.f_globals["__name__"])]
    assert ours
    assert KEY not in "".join(repr(frame.f_locals) for frame in ours)


@pytest.mark.parametrize(
    ("key", "said", "shown"),
    [
        ("12345678", "No 12345678.", "No [key]."),
        ("k", "A broken key.", "A broken key."),
    ],
    ids=["a number", "a letter"],
)
def test_any_key_leaves_an_error_readable(key: str, said: str, shown: str) -> None:
    body = {"message": said, "number": 12345678, "list": [{said: None}]}
    client = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(401, json=body))
    )
    agent = remote_agents.BlueNexus(agent_id="a", api_key=key, http_client=client)
    with pytest.raises(remote_agents.AuthenticationError) as caught:
        agent.ask("Hi")
    assert shown in str(caught.value)
    assert caught.value.body == {"message": shown, "number": 12345678, "list": [{shown: None}]}


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_keys_are_not_in_the_error_of_a_refused_connection(kind: str) -> None:
    for url in ("http://127.0.0.1:9", "https://127.0.0.1:9"):
        assert KEY not in with_locals(ask(kind, url, "text"))


def test_a_coroutine_function_may_give_the_key() -> None:
    with serving(FAILURES["cut off"]) as server:
        assert ask("async", server.url, "coroutine").partial == "a"
        assert f"Bearer {KEY}".encode() in server.requests[0]


BAD_KEYS = [f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", f"{KEY}\0", f"{KEY}é", "", None]
NO_TEXTS = [{"access_token": KEY}, (KEY, 60), [KEY], KEY.encode(), lambda: KEY]


@pytest.mark.parametrize("bad", [*BAD_KEYS, *NO_TEXTS])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_a_function_that_gives_no_key_is_told_without_quoting_it(
    bad: Any, awaited: bool, cached: bool
) -> None:
    with serving([HOLD]) as server:
        key = cached_key(lambda: (bad, 60.0)) if cached else lambda: bad
        agent = remote_agents.BlueNexus(base_url=server.url, api_key=key)
        with pytest.raises(ConfigurationError) as raised:
            asyncio.run(agent.aask("Hi")) if awaited else agent.ask("Hi")
        assert KEY not in f"{raised.value} {raised.value!r}"
        assert server.requests == []


@pytest.mark.parametrize("name", ["X-Token", "X-A\r\nB", "bad name"])
def test_a_header_that_http_does_not_allow_is_told_without_quoting_it(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        remote_agents.BlueNexus(api_key="x", default_headers={name: f"{KEY}\r\nX-Evil: 1"})
    assert KEY not in f"{raised.value} {raised.value!r}"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_keys_are_in_no_repr_and_a_pickle_holds_one_as_a_secret(endpoint: str) -> None:
    settings = {"agent_id": "a-1", "base_url": "https://host.example"}
    client = getattr(remote_agents, NAMES[endpoint])(api_key=KEY, **settings)
    agent = client.agent
    shown = [client, agent, agent.transport, agent.options, agent.context, vars(agent.transport)]
    assert KEY not in repr(shown)
    assert KEY not in repr(vars(agent))
    again = pickle.loads(pickle.dumps(client))
    assert isinstance(again.agent.secret, SecretStr)
    assert again.agent.secret.get_secret_value() == KEY
    assert KEY not in repr(vars(again.agent))


def test_a_body_that_is_no_json_is_an_error_without_frames_of_http() -> None:
    agent = remote_agents.BlueNexus(
        api_key=keys()["text"], base_url="http://127.0.0.1:9", extra_body={"x": object()}
    )
    for call in (lambda: agent.ask("Hi"), lambda: asyncio.run(agent.aask("Hi"))):
        with pytest.raises(ConfigurationError, match="extra_body") as raised:
            call()
        assert KEY not in with_locals(raised.value)


# --- ids and addresses ---------------------------------------------------------------------------

IDS = ["../../admin", "a/b", "a?b=c", "a#b", "a b", "a%2e%2e", "a\r\nX-Evil: 1", "ü", "..", "."]


@pytest.mark.parametrize("agent_id", IDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_ids_are_one_segment_of_the_path(endpoint: str, agent_id: str) -> None:
    asked = _asked(endpoint, agent_id)
    if asked is None:
        return  # refused before anything was sent
    path, headers = asked
    assert not [h for h in headers if h.lower().startswith(b"x-evil")]
    usual = _asked(endpoint, "ID")
    assert usual is not None
    normal = usual[0].split("/")
    assert path.count("/") == len(normal) - 1
    assert not set("?#") & set(path)
    parts = zip(path.split("/"), normal, strict=True)
    assert [b for a, b in parts if a != b] == ["ID"] * normal.count("ID")


def _asked(endpoint: str, agent_id: str) -> tuple[str, list[bytes]] | None:
    """The path and the headers of a turn with this agent, if one was sent."""
    with serving([head(JSON, "400 Bad Request", length=2), b"{}"]) as server:
        agent = Agent(
            ENDPOINTS[endpoint], agent_id=agent_id, api_key=KEY, base_url=server.url, max_retries=0
        )
        with pytest.raises(AgentError):
            agent.ask([Message("user", "Hi")])
        if not server.requests:
            return None
        line, *headers = server.requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")
        return line.split(b" ")[1].decode(), headers


BAD_URLS = [
    "http://agents.example",
    "http://127.0.0.1.example",
    "http://localhost.example",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "https://user:secret-password@agents.example",
    "https://agents.example/?key=secret-password",
    "agents.example",
    "https://",
    "https://[::1",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_addresses_that_would_leak_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        remote_agents.BlueNexus(api_key=KEY, base_url=url)
    assert "secret-password" not in str(raised.value)
    # What is wrong with it is shown, and where a query goes.
    assert ("?..." in str(raised.value)) == ("params=" in str(raised.value)) == ("?" in url)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("http://127.0.0.1:1", {}),
        ("http://localhost:1", {}),
        ("http://[::1]:1", {}),
        ("http://agents.example", {"allow_http": True}),
    ],
)
def test_plain_http_is_for_loopback_or_who_asks(url: str, settings: dict[str, Any]) -> None:
    assert remote_agents.BlueNexus(api_key=KEY, base_url=url, **settings).agent.base_url == url


# --- the sandbox ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
    ],
)
def test_the_sandbox_answers_to_this_machine_only(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    kwargs = sandbox.kwargs("bluenexus")
    reply = httpx.post(
        f"{sandbox.url}/api/v1/agents/{kwargs['agent_id']}/chat/completions",
        json={"messages": [{"role": "user", "content": "Hello"}]},
        headers={"authorization": f"Bearer {kwargs['api_key']}", **headers},
    )
    assert reply.status_code == status


def test_the_sandbox_does_not_remember_keys(sandbox: Sandbox) -> None:
    kwargs = sandbox.kwargs("bluenexus")
    remote_agents.BlueNexus(**kwargs).ask("Hello")
    assert kwargs["api_key"] not in json.dumps(sandbox.requests())
