"""What is written to a connection: the same by each client, and as httpx would write it."""

import json
from email.parser import BytesHeaderParser
from typing import Any

import httpx
import pytest

from remote_agents import ConfigurationError
from remote_agents.http.responses import Headers
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import Way
from tests.raw_server import JSON, RawServer, Step, head, serving
from tests.transports import Asker, asking

SAID = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
WHOLE: list[Step] = [head(JSON, length=len(SAID)) + SAID.encode()]
TOLD = {
    "accept": "application/json",
    "accept-encoding": "gzip",
    "authorization": "Bearer sk-4cf1a9e2b7-secret",
    "connection": "keep-alive",
    "content-type": "application/json",
}


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n")[2].partition(b"\r\n\r\n")[0]
    return {name.lower(): value for name, value in BytesHeaderParser().parsebytes(lines).items()}


async def asked(kind: str, server: RawServer, text: str = "Hi", **settings: Any) -> bytes:
    async with asking(kind, server, **settings) as asker:
        await asker.ask(stream=False, extra_body={"note": text})
    return server.requests[-1]


@pytest.mark.parametrize("agent", ["a", "hr:1;v=2", "人事/a+b"])
async def test_each_client_writes_the_same_as_httpx(kind: str, agent: str) -> None:
    note = "Grüße, 你好 \N{GRINNING FACE}"
    with serving(WHOLE) as server:
        ours = await asked(kind, server, note, agent_id=agent)
        httpxs = await asked("httpx", server, note, agent_id=agent)
    assert ours.partition(b"\r\n\r\n")[2] == httpxs.partition(b"\r\n\r\n")[2]
    assert json.loads(ours.partition(b"\r\n\r\n")[2])["note"] == note
    assert ours.startswith(httpxs.partition(b"\r\n")[0] + b"\r\n")
    headers = headers_of(ours)
    assert headers == headers_of(httpxs)
    assert headers.items() >= {**TOLD, "host": f"127.0.0.1:{server.port}"}.items()


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_query_of_the_callers_client_goes_along(awaited: bool) -> None:
    query = {"qualifier": "DEFAULT"}
    with httpx.Client(params=query) as client, serving(WHOLE) as server:
        async with httpx.AsyncClient(params=query) as async_client:
            clients = {"http_client": client, "http_async_client": async_client}
            settings = {"base_url": server.url, "agent_id": "a", "api_key": "k", **clients}
            way = Way("plain", "bluenexus", streamed=False, awaited=awaited, **settings)
            assert (await way.ask("Hi")).text == "Hello"
    assert b"/chat/completions?qualifier=DEFAULT HTTP/1.1" in server.requests[0]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("service", ["cloudbase", "cloudbase_openai"])
async def test_tencents_gateway_is_always_asked_for_events(
    service: str, awaited: bool, streamed: bool, sandbox: Sandbox
) -> None:
    asking = Way("plain", service, streamed=streamed, awaited=awaited, **sandbox.kwargs(service))
    assert (await asking.ask("Hi")).text
    assert sandbox.requests(service)[-1]["headers"]["accept"].startswith("text/event-stream")


async def test_a_header_of_the_callers_goes_before_ours(kind: str) -> None:
    mine = {"content-type": "application/vnd.a+json", "USER-AGENT": "mine", "Accept": "text/plain"}
    with serving(WHOLE) as server:
        headers = headers_of(await asked(kind, server, default_headers=mine))
    told = {"content-type": "application/vnd.a+json", "user-agent": "mine", "accept": "text/plain"}
    assert headers.items() >= told.items()


@pytest.mark.parametrize("value", [float("nan"), object(), "\ud800"], ids=["nan", "object", "half"])
async def test_what_is_no_json_is_not_sent(kind: str, value: object) -> None:
    with serving(WHOLE) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails(stream=False, extra_body={"note": value})
        assert isinstance(error, ConfigurationError)
        assert "nothing was sent" in str(error)
        assert not server.requests


@pytest.mark.parametrize("size", [10, 15_000, 20_000, 3_000_000])
async def test_a_body_of_any_size_arrives_whole(kind: str, size: int) -> None:
    with serving(WHOLE, WHOLE) as server:
        async with asking(kind, server) as asker:
            await _twice(asker, "x" * size)
        bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in server.requests]
        assert [len(body["note"]) for body in bodies] == [size, size]
        assert server.connections == 1


async def _twice(asker: Asker, note: str) -> None:
    for _ in range(2):
        assert await asker.ask(stream=False, extra_body={"note": note}) == "Hello"


def test_headers_are_found_however_they_are_spelt() -> None:
    pairs = [(b"X-Id", b"1"), (b"x-ID", b"2"), (b"City", "Zürich".encode("latin-1"))]
    ours, httpxs = Headers([*pairs]), httpx.Headers([*pairs])
    for name in ("x-id", "X-Id", "CITY", "none"):
        assert ours.get(name) == httpxs.get(name)
        assert (name in ours) == (name in httpxs)
    assert ours["X-ID"] == "1, 2"
    assert ours.get("none", "") == ""
