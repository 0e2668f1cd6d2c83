"""Uploads: however a file is given, it arrives; and what is too large is never read."""

import base64
import io
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage, DocumentBlock, ImageBlock, TextBlock

from remote_agents import StreamProtocolError, UnsupportedContentError
from remote_agents.resources.items import Attachment
from remote_agents.sandbox import Sandbox
from tests.resources.calls import TOO_LARGE, Way, client_of, film_in
from tests.resources.served import ROOT, served

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
METHODS = ["upload", "upload_presigned"]


def stored(one: Any) -> bytes:
    return httpx.get(one.file, trust_env=False).content


class Pipe(io.RawIOBase):
    """A file that cannot go back, as a download is."""

    def __init__(self, content: bytes) -> None:
        self.rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.rest.readinto(buffer)


@pytest.mark.parametrize("form", ["path", "text", "bytes", "bytearray", "open", "buffer", "pipe"])
@pytest.mark.parametrize("method", METHODS)
async def test_a_file_arrives_in_every_form(
    form: str, method: str, way: Way, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "plan.png"
    path.write_bytes(PIXEL)
    buffer = io.BytesIO(b"skipped" + PIXEL)
    buffer.seek(7)
    upload = getattr(client_of(sandbox, "maiagent").attachments, method)
    with path.open("rb") as opened:
        given: dict[str, Any] = {
            "path": path,
            "text": str(path),
            "bytes": PIXEL,
            "bytearray": bytearray(PIXEL),
            "open": opened,
            "buffer": buffer,
            "pipe": Pipe(PIXEL),
        }
        one = await way(upload, given[form], filename="plan.png")
    assert (one.type, one.filename) == ("image", "plan.png")
    assert stored(one) == PIXEL


@pytest.mark.parametrize("method", METHODS)
async def test_name_and_kind_are_told_by_the_file(
    method: str, way: Way, sandbox: Sandbox, tmp_path: Path
) -> None:
    upload = getattr(client_of(sandbox, "maiagent").attachments, method)
    for name, kind in (("note.mp3", "audio"), ("plan.pdf", "other")):
        path = tmp_path / name
        path.write_bytes(b"content")
        with path.open("rb") as opened:
            one = await way(upload, opened)
        assert (one.type, one.filename) == (kind, name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["path", "open"])
async def test_a_file_of_5_gb_is_refused_before_it_is_read(
    form: str, method: str, way: Way, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = film_in(tmp_path)
    upload = getattr(client_of(sandbox, "maiagent").attachments, method)
    with path.open("rb") as opened:
        opened.read = unreadable
        with pytest.raises(UnsupportedContentError, match=TOO_LARGE):
            await way(upload, path if form == "path" else Unreadable(opened))
    assert sandbox.requests() == []


def unreadable(*size: int) -> bytes:
    raise AssertionError("the file was read")


class Unreadable:
    """An open file whose content must not be looked at."""

    read = staticmethod(unreadable)

    def __init__(self, file: Any) -> None:
        self.name, self.seekable, self.tell, self.seek = (
            file.name,
            file.seekable,
            file.tell,
            file.seek,
        )


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_no_binary_file_is_refused(method: str, way: Way, sandbox: Sandbox) -> None:
    upload = getattr(client_of(sandbox, "maiagent").attachments, method)
    with pytest.raises(UnsupportedContentError, match="mode 'rb'"):
        await way(upload, io.StringIO("text"))
    with pytest.raises(UnsupportedContentError, match="not int"):
        await way(upload, 7)
    with pytest.raises(UnsupportedContentError, match="video"):
        await way(upload, b"film", filename="film.mp4")
    assert sandbox.requests() == []


@pytest.mark.parametrize("method", METHODS)
async def test_an_uploaded_file_goes_into_a_message(
    method: str, way: Way, sandbox: Sandbox
) -> None:
    client = client_of(sandbox, "maiagent")
    one = await way(getattr(client.attachments, method), b"plan", filename="plan.pdf")
    web_chat = sandbox.agents["maiagent"]["web_chat_id"]
    conversation = await way(client.conversations.create, web_chat)
    sent = await way(client.messages.create, conversation.id, "See the plan", attachments=[one])
    assert (await way(client.messages.get, sent.id)).attachments == [one]


async def test_a_presigned_file_can_belong_to_a_conversation(way: Way, sandbox: Sandbox) -> None:
    client = client_of(sandbox, "maiagent")
    web_chat = sandbox.agents["maiagent"]["web_chat_id"]
    id_ = (await way(client.conversations.create, web_chat)).id
    await way(client.attachments.upload_presigned, b"plan", filename="p.pdf", conversation_id=id_)
    assert sandbox.requests()[-1]["path"] == f"/api/conversations/{id_}/attachments/"


async def test_the_storage_gets_no_credentials(way: Way) -> None:
    """Not ours, and not those that a client of the caller's own adds to every request."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.endswith("upload-presigned-url/"):
            fields = {"key": "media/plan.pdf", "policy": "p", "x-amz-signature": "s"}
            url = "https://s3.example.com/bucket"
            return httpx.Response(200, json={"url": url, "fields": fields})
        if request.url.host == "s3.example.com":
            return httpx.Response(204)
        return httpx.Response(201, json={"id": "f1", "filename": "plan.pdf"})

    own: dict[str, Any] = {
        "transport": httpx.MockTransport(answer),
        "headers": {"X-Gateway-Key": "hush", "Authorization": "Basic hush"},
        "cookies": {"session": "hush"},
        "auth": ("me", "hush"),
    }
    client = type(served("maiagent", answer))(
        agent_id="a1",
        api_key="hush-key",
        base_url=ROOT["maiagent"],
        default_headers={"X-Tenant": "hush"},
        http_client=httpx.Client(**own),
        http_async_client=httpx.AsyncClient(**own),
    )
    one = await way(client.attachments.upload_presigned, b"plan", filename="plan.pdf")
    assert one.id == "f1"
    first, storage, last = seen
    assert first.headers["x-tenant"] == last.headers["x-tenant"] == "hush"
    assert "hush" not in repr(storage.headers.raw)
    assert set(storage.headers) <= {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
    body = storage.content
    assert b"hush" not in body
    assert body.index(b'name="x-amz-signature"') < body.index(b'name="file"')
    assert last.url.path == "/api/attachments/"


async def test_a_promise_without_an_address_is_an_error(way: Way) -> None:
    client = served("maiagent", lambda request: {"fields": {}})
    with pytest.raises(StreamProtocolError, match="no address"):
        await way(client.attachments.upload_presigned, b"plan")


async def test_a_content_block_of_langchain_arrives(way: Way, sandbox: Sandbox) -> None:
    from langchain_agents import ChatMaiAgent

    model = ChatMaiAgent(**sandbox.kwargs("maiagent"))
    data = base64.b64encode(PIXEL).decode()
    image = {"type": "image", "base64": data, "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": "What is this?"}, image])
    await (model.ainvoke([message]) if way.name == "async" else _now(model.invoke([message])))
    assert_arrived(sandbox)


async def test_a_content_block_of_llamaindex_arrives(way: Way, sandbox: Sandbox) -> None:
    from llamaindex_agents import MaiAgent

    llm = MaiAgent(**sandbox.kwargs("maiagent"))
    image = ImageBlock(image=PIXEL, image_mimetype="image/png")
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), image])
    await (llm.achat([message]) if way.name == "async" else _now(llm.chat([message])))
    assert_arrived(sandbox)


async def test_a_document_block_of_llamaindex_arrives(
    way: Way, sandbox: Sandbox, tmp_path: Path
) -> None:
    from llamaindex_agents import MaiAgent

    path = tmp_path / "plan.pdf"
    path.write_bytes(PIXEL)
    llm = MaiAgent(**sandbox.kwargs("maiagent"))
    document = DocumentBlock(path=path)
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), document])
    await (llm.achat([message]) if way.name == "async" else _now(llm.chat([message])))
    assert_arrived(sandbox, "other")


async def _now(value: Any) -> Any:
    return value


def assert_arrived(sandbox: Sandbox, kind: str = "image") -> None:
    """The last turn came with a file, which the storage has."""
    turn = sandbox.requests("maiagent")[-1]
    (file,) = turn["body"]["message"]["attachments"]
    assert file["type"] == kind
    assert httpx.get(file["file"], trust_env=False).content == PIXEL


@pytest.mark.parametrize("name", ["a.pdf", "a.txt", "a.mp4", "a.png"])
async def test_a_message_takes_its_own_words_for_kinds_of_files(
    way: Way, sandbox: Sandbox, name: str
) -> None:
    """An upload's own type may be `document` or `text`, which no message takes."""
    client = client_of(sandbox, "maiagent")
    reply = await way(client.ask, "Hello")
    kinds = {"a.pdf": "document", "a.txt": "text", "a.mp4": "video", "a.png": "image"}
    raw = {"id": str(uuid.uuid4()), "type": kinds[name], "filename": name, "file": "https://f/a"}
    stored = Attachment(raw)
    sent = "image" if name == "a.png" else "other"
    await way(client.ask, "Look at this.", attachments=[stored])
    (first,) = sandbox.requests("maiagent")[-1]["body"]["message"]["attachments"]
    assert first == {**raw, "type": sent}
    if name != "a.mp4":  # declared for messages, and not supported yet
        await way(client.messages.create, reply.conversation_id, "This.", attachments=[stored])
        (second,) = sandbox.requests("maiagent")[-1]["body"]["attachments"]
        assert second == {**raw, "type": sent}
