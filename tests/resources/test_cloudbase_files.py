"""Files for CloudBase agents: through its storage, another host that learns nothing of ours."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentError,
    Attachment,
    CloudBase,
    Message,
    StreamProtocolError,
    UnsupportedContentError,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, make
from tests.resources.calls import TOO_LARGE, Way, film_in
from tests.resources.served import ROOT, served

INFO, STORAGE = "/v1/storages/get-objects-upload-info", "https://cos.example.com/plan"
LINK = "cloud://env.7361/plan.png"
AGENTS = pytest.mark.parametrize("agent_id", ["bot-1", "agent-1"])
SIGNED = {"authorization": "q-sign", "x-cos-security-token": "tok", "x-cos-meta-fileid": "meta"}


class Service:
    """CloudBase and its storage, as far as an upload and the turn behind it go."""

    def __init__(self, stored: httpx.Response | None = None, **promise: Any) -> None:
        self.seen: list[httpx.Request] = []
        self.stored = stored or httpx.Response(200)
        self.promise = {
            "uploadUrl": STORAGE,
            "authorization": "q-sign",
            "token": "tok",
            "cloudObjectMeta": "meta",
            "cloudObjectId": LINK,
            **promise,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path == INFO:
            asked = json.loads(request.content)
            return httpx.Response(200, json=[{**each, **self.promise} for each in asked])
        if request.url.host == "cos.example.com":
            return self.stored
        if "messages" in (body := json.loads(request.content)):
            run = {"threadId": body["threadId"], "runId": body["runId"]}
            message = {"messageId": "m"}
            frames = [
                {"type": "RUN_STARTED", **run},
                {"type": "TEXT_MESSAGE_START", **message, "role": "assistant"},
                {"type": "TEXT_MESSAGE_CONTENT", **message, "delta": "ok"},
                {"type": "TEXT_MESSAGE_END", **message},
                {"type": "RUN_FINISHED", **run},
            ]
        else:
            frames = [{"type": "text", "content": "ok", "finish_reason": "stop"}]
        content = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames)
        return httpx.Response(200, text=content, headers={"content-type": "text/event-stream"})

    def at(self, host: str) -> list[httpx.Request]:
        return [request for request in self.seen if request.url.host == host]

    @property
    def files(self) -> Any:
        """The files that the newest turn named."""
        body = json.loads(self.seen[-1].content)
        return body.get("forwardedProps", body).get("files")


@AGENTS
@pytest.mark.parametrize("form", ["bytes", "path"])
async def test_a_file_is_stored_and_its_link_goes_along(
    way: Way, agent_id: str, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.png"
    path.write_bytes(b"PNG")
    data = Attachment("image", data=b"PNG", filename="plan.png")
    service = Service()
    client = served("cloudbase", service, agent_id=agent_id)
    given = [data if form == "bytes" else Attachment.from_path(path, kind="image")]
    linked = [Attachment("image", url="https://example.com/a.png"), Attachment(file_id="cloud://b")]
    reply = await way(client.ask, "What is on it?", attachments=[*given, *linked])
    assert reply.text == "ok"
    assert service.files == [LINK, "https://example.com/a.png", "cloud://b"]
    promise, storage, *_ = service.seen
    (asked,) = json.loads(promise.content)
    assert asked["objectId"].endswith("/plan.png")
    assert promise.headers["authorization"] == "Bearer secret"
    assert (storage.method, storage.content) == ("PUT", b"PNG")
    assert storage.headers["content-type"] == "image/png"


@AGENTS
async def test_a_file_is_uploaded_once_for_all_replays(way: Way, agent_id: str) -> None:
    service = Service()
    client = served("cloudbase", service, agent_id=agent_id, memory="client")
    for _ in range(3):
        asked = Message("user", "Look", [Attachment("image", data=b"PNG", filename="a.png")])
        await way(client.ask, [asked])
        assert service.files == [LINK]
    assert len(service.at("cos.example.com")) == 1
    await way(client.ask, "And this?", attachments=[Attachment("image", data=b"other")])
    assert len(service.at("cos.example.com")) == 2


async def test_the_storage_gets_no_credentials(way: Way) -> None:
    """Not ours, and not those that a client of the caller's own adds to every request."""
    service = Service()
    own: dict[str, Any] = {
        "transport": httpx.MockTransport(service),
        "headers": {"X-Gateway-Key": "hush", "Authorization": "Basic hush"},
        "cookies": {"session": "hush"},
        "auth": ("me", "hush"),
    }
    client = CloudBase(
        agent_id="agent-1",
        api_key="hush-key",
        base_url=ROOT["cloudbase"],
        default_headers={"X-Tenant": "hush"},
        http_client=httpx.Client(**own),
        http_async_client=httpx.AsyncClient(**own),
    )
    file = Attachment("image", data=b"PNG", filename="a.png")
    await way(client.ask, "Look", attachments=[file], headers={"X-Call": "hush"})
    (storage,) = service.at("cos.example.com")
    assert "hush" not in repr(storage.headers.raw)
    assert {name: storage.headers[name] for name in SIGNED} == SIGNED
    assert set(storage.headers) <= {
        *SIGNED,
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_of_the_storage_is_not_followed(way: Way, status: int) -> None:
    moved = httpx.Response(status, headers={"location": "https://elsewhere.example.com/"})
    service = Service(moved)
    client = served("cloudbase", service, agent_id="agent-1")
    with pytest.raises(AgentError):
        await way(client.ask, "Look", attachments=[Attachment("image", data=b"PNG")])
    assert service.at("elsewhere.example.com") == []
    assert service.seen[-1].url.host == "cos.example.com"  # the question was not asked


@pytest.mark.parametrize("status", [403, 500])
async def test_a_storage_that_refuses_ends_the_turn_before_it_began(way: Way, status: int) -> None:
    service = Service(httpx.Response(status, text="<Error><Code>AccessDenied</Code></Error>"))
    client = served("cloudbase", service, agent_id="agent-1", max_retries=0)
    with pytest.raises(AgentError) as caught:
        await way(client.ask, "Look", attachments=[Attachment("image", data=b"PNG")])
    assert "secret" not in repr(caught.value)
    assert service.seen[-1].url.host == "cos.example.com"


@pytest.mark.parametrize(
    "address", ["http://cos.example.com/a", "https://169.254.169.254/a", "https://10.0.0.7/a"]
)
async def test_a_file_goes_to_no_inner_or_open_address(way: Way, address: str) -> None:
    service = Service(uploadUrl=address)
    client = served("cloudbase", service, agent_id="bot-1")
    with pytest.raises(StreamProtocolError, match="not sent"):
        await way(client.ask, "Look", attachments=[Attachment("image", data=b"PNG")])
    assert [request.url.path for request in service.seen] == [INFO]


async def test_a_promise_without_an_address_is_told_with_the_services_words(way: Way) -> None:
    service = Service(uploadUrl=None, message="the storage is full")
    client = served("cloudbase", service, agent_id="bot-1")
    with pytest.raises(StreamProtocolError, match="the storage is full"):
        await way(client.ask, "Look", attachments=[Attachment("image", data=b"PNG")])


@AGENTS
async def test_the_size_is_looked_at_before_anything_is_read_or_sent(
    way: Way, agent_id: str, tmp_path: Path
) -> None:
    path, service = film_in(tmp_path), Service()
    client = served("cloudbase", service, agent_id=agent_id)
    with pytest.raises(UnsupportedContentError, match=TOO_LARGE):
        await way(client.ask, "Look", attachments=[Attachment.from_path(path)])
    assert service.seen == []


@pytest.mark.parametrize("agent_id", ["bot-handbook", "agent-handbook"])
@pytest.mark.parametrize("face", FRAMEWORKS)
def test_each_face_takes_a_file_as_bytes(sandbox: Sandbox, face: str, agent_id: str) -> None:
    model = make(face, "cloudbase", **{**sandbox.kwargs("cloudbase"), "agent_id": agent_id})
    if face == "plain":
        model.ask("What is on it?", attachments=[Attachment("image", data=b"PNG")])
    elif face == "langchain":
        encoded = base64.b64encode(b"PNG").decode()
        image = {"type": "image", "base64": encoded, "mime_type": "image/png"}
        model.invoke([("user", [{"type": "text", "text": "What is on it?"}, image])])
    else:
        from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

        image = ImageBlock(image=b"PNG", image_mimetype="image/png")
        model.chat([ChatMessage(role="user", blocks=[TextBlock(text="What is on it?"), image])])
    body = sandbox.requests("cloudbase")[-1]["body"]
    (link,) = body.get("forwardedProps", body)["files"]
    assert link.startswith("cloud://")


@pytest.mark.parametrize("agent_id", ["bot-handbook", "agent-handbook"])
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("plan #2?.txt", "plan _2_.txt"),
        ("100%2F.txt", "100_2F.txt"),
        ("a\r\nb\\c.txt", "a__b_c.txt"),
        ("..", "_"),
        ("休假 (1).txt", "休假 (1).txt"),
    ],
)
def test_a_file_may_have_any_name(sandbox: Sandbox, name: str, kept: str, agent_id: str) -> None:
    agent = make("plain", "cloudbase", **{**sandbox.kwargs("cloudbase"), "agent_id": agent_id})
    file = Attachment("file", data=b"A note.", filename=name)
    assert f"1 file: {kept}. " in agent.ask("How long is parental leave?", attachments=[file]).text
