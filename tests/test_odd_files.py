"""What a page hands over as a file: taken in every usual form, or refused before it is sent."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage, DocumentBlock

import langchain_agents
import llamaindex_agents
from remote_agents import ENDPOINTS, Attachment, Message, UnsupportedContentError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import NAMES
from tests.memory.ways import WAYS, ask, client

TAKING = tuple(name for name, facts in ENDPOINTS.items() if facts.uploads)
SESSIONS: tuple[dict[str, str], ...] = ({}, {"session_id": "s"})
CONTENT = b"The plan."


class Named(io.BytesIO):
    """An open file with a name, as a page's upload is."""

    name = "folder/plan.txt"


class Pieces(io.RawIOBase):
    """A file without a buffer, that cannot go back."""

    def __init__(self, content: bytes) -> None:
        self.rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.rest.readinto(memoryview(buffer)[:2])


class Awaited:
    async def read(self, size: int = -1) -> bytes:
        raise AssertionError(size)


def no_files() -> list[Any]:
    return [{"kind": "file", "data": b"x"}, "a.txt", Path("a.txt"), b"x", None, io.BytesIO(b"x")]


@pytest.mark.parametrize("service", ENDPOINTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("session", SESSIONS, ids=["alone", "session"])
async def test_what_is_no_attachment_is_refused(
    sandbox: Sandbox, service: str, way: str, session: dict[str, str]
) -> None:
    agent = client(sandbox, service)
    for each in no_files():
        for prompt, call in (("Hi", {"attachments": [each]}), (Message("user", "Hi", [each]), {})):
            with pytest.raises(UnsupportedContentError, match="attachments is a list of Attach"):
                await ask(agent, way, prompt, **call, **session)
    odds: list[Any] = [None, 5]
    for odd in odds:
        with pytest.raises(UnsupportedContentError, match="attachments is a list of Attachment"):
            await ask(agent, way, Message("user", "Hi", odd), **session)
    assert sandbox.requests() == []


@pytest.mark.parametrize(
    "given",
    [
        {"data": "text"},
        {"data": 5},
        {"data": Path("a.txt")},
        {"data": io.StringIO("text")},
        {"data": Awaited()},
        {"url": 123},
        {"file_id": 5},
        {"path": 5},
        {"path": b"a.txt"},
        {"mime_type": b"image/png"},
        {"filename": 5},
        {"kind": None},
        {"kind": ["file"]},
    ],
    ids=[*"abcdefghijklm"],
)
def test_a_field_of_the_wrong_kind_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedContentError):
        Attachment(**given)


@pytest.mark.parametrize("path", [5, None, b"a.txt"])
def test_so_is_a_path(path: Any) -> None:
    with pytest.raises(UnsupportedContentError, match=r"needs a url|is a text"):
        client_less(Attachment.from_path(path))


def client_less(file: Attachment) -> None:
    llamaindex_agents.AGUI(base_url="http://127.0.0.1:9").client.ask("Hi", attachments=[file])


@pytest.mark.parametrize("way", WAYS)
async def test_a_field_that_was_changed_is_checked_too(sandbox: Sandbox, way: str) -> None:
    file: Any = Attachment("file", data=CONTENT)
    open_one = io.BytesIO(CONTENT)
    agent = client(sandbox, "maiagent")
    file.filename = 5
    with pytest.raises(UnsupportedContentError, match="filename is a text, not int"):
        await ask(agent, way, "Hi", attachments=[file])
    assert sandbox.requests() == []
    file.filename, file.data = "plan.txt", open_one
    await ask(agent, way, "Hi", attachments=[file])
    assert file.data is open_one


FORMS = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "buffer": io.BytesIO,
    "named": Named,
    "pieces": Pieces,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("service", TAKING)
@pytest.mark.parametrize("way", WAYS)
async def test_a_content_arrives_in_every_form(
    sandbox: Sandbox, service: str, way: str, form: str
) -> None:
    agent, given = client(sandbox, service), FORMS[form](CONTENT)
    for session in SESSIONS[:1] if form == "pieces" else SESSIONS:  # a page runs more than once
        file = Attachment("file", data=given, filename=None if form == "named" else "plan.txt")
        assert file == Attachment("file", data=CONTENT, filename="plan.txt")
        reply = await ask(agent, way, "When is salary paid?", attachments=[file], **session)
        assert reply.text.startswith("I received 1 file: plan.txt.")


def test_an_open_file_is_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"skipped" + CONTENT)
    file.seek(7)
    assert Attachment("file", data=file).data == CONTENT
    assert file.tell() == 7
    file.read()
    with pytest.raises(UnsupportedContentError, match=r"seek\(0\)"):
        Attachment("file", data=file)
    assert Attachment("file", data=io.BytesIO()).data == b""
    file.close()
    with pytest.raises(UnsupportedContentError, match="cannot be read"):
        Attachment("file", data=file)


def test_a_file_is_kept_as_it_was() -> None:
    file = Attachment("file", data=bytearray(CONTENT), filename="plan.txt")
    assert file == Attachment("file", data=CONTENT, filename="plan.txt")
    assert pickle.loads(pickle.dumps(file)) == copy.deepcopy(file) == file
    link = Attachment("image", url="https://example.com/plan.png")
    assert json.loads(json.dumps(asdict(link)))["url"] == link.url


UNUSABLE = ["image/png\r\nX: 1", " ", "image/é", "image/png\n"]


@pytest.mark.parametrize("service", TAKING)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("session", SESSIONS, ids=["alone", "session"])
async def test_a_mime_type_that_no_header_takes_is_refused(
    sandbox: Sandbox, service: str, way: str, session: dict[str, str]
) -> None:
    agent = client(sandbox, service)
    for kind in UNUSABLE:
        file = Attachment("file", data=CONTENT, mime_type=kind, filename="plan.png")
        with pytest.raises(UnsupportedContentError, match="MIME type"):
            await ask(agent, way, "Hi", attachments=[file], **session)
    assert not [each for each in sandbox.requests() if "conversation" not in each["path"]]


@pytest.mark.parametrize("way", WAYS)
async def test_that_of_a_link_is_not_looked_at(sandbox: Sandbox, way: str) -> None:
    link = Attachment("image", url="https://example.com/plan.png", mime_type=" ")
    reply = await ask(client(sandbox, "ag_ui"), way, "Hi", attachments=[link])
    assert reply.text


@pytest.mark.parametrize("service", TAKING)
@pytest.mark.parametrize("awaited", [False, True])
def test_so_it_is_in_the_frameworks(sandbox: Sandbox, service: str, awaited: bool) -> None:
    kwargs = sandbox.kwargs(service)
    block = {"type": "file", "base64": "eA==", "mime_type": UNUSABLE[0]}
    name = f"Chat{NAMES[service]}"
    model = getattr(langchain_agents, name)(**kwargs)
    llm = getattr(llamaindex_agents, NAMES[service])(**kwargs)
    document = DocumentBlock(data=b"x", title="a.txt", document_mimetype=UNUSABLE[0])
    human, asked = HumanMessage([block]), ChatMessage(role="user", blocks=[document])
    with pytest.raises(UnsupportedContentError, match="MIME type"):
        asyncio.run(model.ainvoke([human])) if awaited else model.invoke([human])
    with pytest.raises(UnsupportedContentError, match="MIME type"):
        asyncio.run(llm.achat([asked])) if awaited else llm.chat([asked])
    wrong = HumanMessage([{**block, "mime_type": 5}])
    with pytest.raises(UnsupportedContentError, match="mime_type is a text, not int"):
        asyncio.run(model.ainvoke([wrong])) if awaited else model.invoke([wrong])
    assert sandbox.requests() == []
