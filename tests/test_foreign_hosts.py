"""The storage that a service named fails: it is named, by its host alone, and not the service."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    Attachment,
    StreamProtocolError,
    Timeout,
)
from remote_agents.client import Client
from remote_agents.services import ENDPOINTS
from tests.raw_server import HOLD, JSON, Step, head, serving
from tests.transports import Asker, asking, each_kind

DEAD = "http://127.0.0.1:9"
SIGNED = "/bucket/plan.txt?q-signature=hush"
NAMED = "the storage that the service named"
FILE = Attachment("file", data=b"The plan.", filename="plan.txt")
pytestmark = pytest.mark.usefixtures("fresh_pools")


def whole(data: Any) -> list[Step]:
    body = json.dumps(data).encode()
    return [head(JSON, length=len(body)), body]


def promise(storage: str) -> list[Step]:
    """A service's word on where a file goes."""
    return whole([{"uploadUrl": storage + SIGNED, "cloudObjectId": "cloud://plan"}])


async def refused(kind: str, url: str, **settings: Any) -> AgentError:
    """What a turn with a file ends with."""
    given = {"agent_id": "bot-1", "max_retries": 0, **settings}
    async with asking(kind, url, Client.kind_of(ENDPOINTS["cloudbase"]), **given) as asker:
        error = await asker.fails(attachments=[FILE])
    assert "hush" not in f"{error} {error!r}"
    assert "base_url" not in str(error)
    return error


@each_kind
async def test_one_that_is_down(kind: str) -> None:
    with serving(promise(DEAD)) as server:
        error = await refused(kind, server.url)
        assert server.url not in str(error)
    assert isinstance(error, AgentConnectionError)
    assert error.safe_to_repeat
    assert f"Could not connect to {DEAD} ({NAMED})" in str(error)
    assert "Check the network and the proxy settings" in str(error)


POSTED = b'<?xml version="1.0"?>\n<PostResponse><Key>plan</Key></PostResponse>'
FINISHED = b'data: {"type":"finish","content":"25 days","finish_reason":"stop"}\n\n'
STORED: dict[str, bytes] = {
    "XML": POSTED,
    "a word": b"OK",
    "JSON": b'{"error": null}',
    "nothing": b"",
}
NOT_STORED = {
    "a page": b"<!doctype html><title>Sign in</title>",
    "an error": b'<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>',
}


@each_kind
@pytest.mark.parametrize("said", STORED)
async def test_one_that_says_how_it_keeps_a_file(kind: str, said: str) -> None:
    taken = [head("application/xml", "201 Created", length=len(STORED[said])), STORED[said]]
    with serving(taken) as storage:
        answers = promise(storage.url), [head(), FINISHED]
        with serving(*answers) as server:
            given = {"agent_id": "bot-1", "dialect": "classic"}
            make = Client.kind_of(ENDPOINTS["cloudbase"])
            async with asking(kind, server, make, **given) as asker:
                assert await asker.ask(attachments=[FILE]) == "25 days"


@each_kind
@pytest.mark.parametrize("said", NOT_STORED)
async def test_one_that_did_not_keep_a_file(kind: str, said: str) -> None:
    taken = [head("text/plain", length=len(NOT_STORED[said])), NOT_STORED[said]]
    with serving(taken) as storage, serving(promise(storage.url)) as server:
        error = await refused(kind, server.url)
        assert len(server.requests) == 1
    assert isinstance(error, StreamProtocolError)


@each_kind
async def test_one_that_says_nothing(kind: str) -> None:
    limits = Timeout(first_event=1.0)
    with serving([HOLD]) as storage, serving(promise(storage.url)) as server:
        error = await refused(kind, server.url, timeout=limits)
        assert server.url not in str(error)
    assert isinstance(error, AgentTimeoutError)
    assert f"No answer from {storage.url} ({NAMED}) within 1.0 s" in str(error)
    assert "The turn may" not in str(error)


@each_kind
async def test_one_behind_a_dead_proxy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush@127.0.0.1:9")
    with serving(promise("https://storage.example")) as server:
        error = await refused(kind, server.url)
    assert f"Could not connect to https://storage.example ({NAMED})" in str(error)
    if kind != "httpx":  # a client of the caller's own has proxies of its own
        assert "through the proxy http://...@127.0.0.1:9" in str(error)


@each_kind
@pytest.mark.parametrize("storage", ["https://storage.example:no", "https://[storage.example"])
async def test_one_at_no_address(kind: str, storage: str) -> None:
    with serving(promise(storage)) as server:
        error = await refused(kind, server.url)
        assert len(server.requests) == 1
    assert "The file was not sent" in str(error)


@each_kind
@pytest.mark.parametrize("status", ["302 Found", "401 Unauthorized", "403 Forbidden", "404 Gone"])
async def test_one_that_refuses(kind: str, status: str) -> None:
    refusal = [head(JSON, status, "Location: /elsewhere", length=0)]
    with serving(refusal) as storage, serving(promise(storage.url)) as server:
        error = await refused(kind, server.url, api_key=lambda: "fresh")
        assert len(storage.requests) == 1
    assert str(error).startswith("The storage that Tencent CloudBase named answered")
    assert "key" not in str(error)


class Broken(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """One of the caller's own, which does not say what has left."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("it broke")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("it broke")


@pytest.mark.parametrize("awaited", [False, True])
async def test_whether_it_has_the_file_is_asked_of_its_own_transport(awaited: bool) -> None:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    mounts: Any = {"https://storage.example": Broken()}
    with (
        serving(promise("https://storage.example")) as server,
        httpx.Client(mounts=mounts, verify=trusting) as blocking,
    ):
        async with httpx.AsyncClient(mounts=mounts, verify=trusting) as waiting:
            client = Client.kind_of(ENDPOINTS["cloudbase"])(
                agent_id="bot-1",
                api_key="k",
                base_url=server.url,
                max_retries=0,
                http_client=blocking,
                http_async_client=waiting,
            )
            asker = Asker("aiohttp" if awaited else "sync", client)
            error = await asker.fails(attachments=[FILE], stream=False)
    assert str(error).endswith("The turn was not sent.")  # the storage may have the file
    assert error.safe_to_repeat
