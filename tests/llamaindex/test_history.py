"""A history that other models and tools wrote: nothing of it is lost, or it is refused by name."""

import datetime as dt
import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler

from llamaindex_agents import MaiAgent
from remote_agents import InMemorySessionStore, UnsupportedContentError
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import COMPLETE, QUESTION, SERVICES, WAYS, Build, RawServer, last

PNG = b"\x89PNG\r\n\x1a\n"
LINK = "https://example.com/plan.png"


def user(text: str, **known: Any) -> ChatMessage:
    return ChatMessage(text, role="user", additional_kwargs=known)


def reply(*blocks: Any, **known: Any) -> ChatMessage:
    return ChatMessage(list(blocks), role="assistant", additional_kwargs=known)


def tool(text: str, **known: Any) -> ChatMessage:
    return ChatMessage(text, role="tool", additional_kwargs={"tool_call_id": "1", **known})


def call(arguments: Any) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id="1", tool_name="book", tool_kwargs=arguments)


def nothing() -> TextBlock:
    return TextBlock.model_construct(block_type="text", text=None)


OLD = {"id": "1", "type": "function", "function": {"name": "book", "arguments": '{"at": 7}'}}
TOLD: dict[str, tuple[list[ChatMessage], list[str]]] = {  # a history, and what of it arrives
    "names": (
        [user("Lunch?", name="Ann"), reply(TextBlock(text="Noon."), name="Bob")],
        ["Ann", "Bob"],
    ),
    "a linked picture": (
        [user("Draw"), reply(TextBlock(text="Here."), ImageBlock(url=LINK))],
        [LINK],
    ),
    "a linked file": (
        [user("Go"), reply(DocumentBlock(url="https://example.com/a.pdf"))],
        ["a.pdf"],
    ),
    "a date": (
        [user("Go"), reply(call({"when": dt.date(2026, 1, 2)})), tool("ok")],
        ["2026-01-02"],
    ),
    "a time": (
        [user("Go"), reply(call({"at": dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone.utc)}))],
        ["2026-01-02T03"],
    ),
    "Chinese": ([user("Go"), reply(call({"城市": "北京"})), tool("ok")], ["城市", "北京"]),
    "escaped Chinese": ([user("Go"), reply(call('{"city": "\\u5317\\u4eac"}'))], ["北京"]),
    "broken JSON": ([user("Go"), reply(call("{bad")), tool("bad JSON")], ["book", "{bad"]),
    "old tool calls": ([user("Go"), reply(TextBlock(text="Yes"), tool_calls=[OLD])], ["book", "7"]),
    "an old function call": ([user("Go"), reply(function_call=OLD["function"])], ["book", "7"]),
    "both kinds of calls": ([user("Go"), reply(call({"at": 7}), tool_calls=[OLD])], ["book", "7"]),
    "a named tool": (
        [user("Go"), reply(call({})), tool("no room", name="book")],
        ["book", "no room"],
    ),
    "a failed tool": (
        [user("Go"), reply(call({})), tool("no room", is_error=True)],
        ["rror", "no room"],
    ),
    "a text of null": ([reply(nothing(), TextBlock(text="Hello"))], ["Hello"]),
    "a refusal": ([user("Go"), reply(refusal="I will not.")], ["I will not."]),
    "a spoken answer": ([user("Go"), reply(audio={"transcript": "Hear me."})], ["Hear me."]),
    "no blocks": ([user("Go"), reply()], ["Go"]),
    "reasoning of a user": (
        [ChatMessage([ThinkingBlock(content="Hm."), TextBlock(text="Go")])],
        ["Hm."],
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_of_a_history_is_lost(
    sandbox: Sandbox, build: Build, service: str, told: str, way: str
) -> None:
    history, wanted = TOLD[told]
    await last(build(service), way, [*history, user(QUESTION)])
    sent = [message["content"] for message in sandbox.turns(service)[-1]["messages"]]
    body = sandbox.requests(service)[-1]["body"]
    messages = [m for m in body.get("messages", ()) if isinstance(m, dict)]
    calls = [asked["function"] for m in messages for asked in m.get("toolCalls", ())]
    text = "\n".join([*sent, *(f"{each['name']} {each['arguments']}" for each in calls)])
    assert [words for words in wanted if words not in text] == []
    assert "None" not in text
    assert text.count("book(") <= 1
    assert sent[-1].endswith(QUESTION)


REFUSED: dict[str, list[ChatMessage]] = {
    "a picture in a reply": [
        user("Draw"),
        reply(ImageBlock(image=PNG, image_mimetype="image/png")),
    ],
    "a picture of a tool": [user("Draw"), ChatMessage([ImageBlock(image=PNG)], role="tool")],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("refused", REFUSED)
@pytest.mark.parametrize("service", SERVICES)
async def test_what_cannot_be_said_is_refused_by_name(
    sandbox: Sandbox, build: Build, service: str, refused: str, way: str
) -> None:
    llm = build(service)
    with pytest.raises(UnsupportedContentError, match=r"(?i)image") as caught:
        await last(llm, way, [*REFUSED[refused], user(QUESTION)])
    assert llm.endpoint.title in str(caught.value)
    assert not sandbox.requests(service)


UNREADABLE: dict[str, tuple[Any, str]] = {
    "a text": (QUESTION, "list of ChatMessage, not str; complete"),
    "a message": (user(QUESTION), "list of ChatMessage, not ChatMessage"),
    "nothing": (None, "not NoneType"),
    "a number": (7, "not int"),
    "texts": ([QUESTION], "list of ChatMessage, not of str"),
    "mappings": ([{"role": "user", "content": QUESTION}], "not of dict"),
    "calls that are a text": ([reply(tool_calls="book"), user(QUESTION)], "tool_calls"),
    "calls that are numbers": ([reply(tool_calls=[7]), user(QUESTION)], "tool_calls"),
    "a call without a shape": ([reply(function_call={"function": "x"}), user("?")], "tool_calls"),
    "files that are texts": ([reply(files=["a.png"], agent="a"), user(QUESTION)], "files"),
    "a file without a kind": ([reply(files=[{"id": "a"}], agent="a"), user(QUESTION)], "files"),
}
LISTENING = CallbackManager([LlamaDebugHandler(print_trace_on_end=False)])
SEEN_OR_NOT: list[dict[str, Any]] = [{}, {"callback_manager": LISTENING}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", UNREADABLE)
async def test_what_is_no_history_is_refused_before_anything_is_sent(
    sandbox: Sandbox, build: Build, given: str, way: str
) -> None:
    messages, says = UNREADABLE[given]
    for settings in SEEN_OR_NOT:
        with pytest.raises(UnsupportedContentError, match=says):
            await last(build("bluenexus", **settings), way, messages)
    assert not sandbox.requests()


@pytest.mark.parametrize("way", WAYS)
async def test_messages_come_from_an_iterator_whoever_listens(
    sandbox: Sandbox, build: Build, way: str
) -> None:
    for settings in SEEN_OR_NOT:
        await last(build("bluenexus", **settings), way, iter([user("Hi."), user(QUESTION)]))
        await last(build("bluenexus", **settings), way, messages=iter([user(QUESTION)]))
    assert [len(turn["messages"]) for turn in sandbox.turns()] == [2, 1, 2, 1]


@pytest.mark.parametrize("way", COMPLETE)
@pytest.mark.parametrize("given", [None, 7, b"Hi"])
async def test_a_prompt_is_a_text(sandbox: Sandbox, build: Build, given: Any, way: str) -> None:
    with pytest.raises(UnsupportedContentError, match="takes a text, not"):
        await last(build("bluenexus"), way, given)
    assert not sandbox.requests()


FILES = [
    {"type": "image", "id": "a1", "file": "https://example.com", "filename": "plan.png"},
    {"type": "other", "id": "a2", "filename": "plan.pdf"},
]


def frame(content: str, **more: Any) -> bytes:
    return f"data: {json.dumps({'conversationId': 'c1', 'content': content, **more})}\n\n".encode()


@pytest.mark.parametrize("way", WAYS)
async def test_a_reply_that_brought_files_is_gone_on_from(server: RawServer, way: str) -> None:
    """LlamaIndex writes an address its own way, and has no block for a file that has none."""
    server.script = [frame("Here."), frame("", done=True, attachments=FILES)]
    store = InMemorySessionStore()
    llm = MaiAgent(base_url=server.url, agent_id="m", api_key="key", session_store=store)
    alice, first = llm.for_session("alice"), user("Draw a plan")
    drawn = (await last(alice, way, [first])).message
    assert [file["id"] for file in drawn.additional_kwargs["files"]] == ["a1", "a2"]
    await last(alice, way, [first, drawn, user("Bigger")])
    assert b'"c1"' in server.requests[1]
    assert b"Draw a plan" not in server.requests[1]
    await last(alice, way, [user("Draw a map"), drawn, user("Bigger")])
    assert b'"c1"' not in server.requests[2]
    assert b"https://example.com" in server.requests[2]
    assert b"a2" in server.requests[2]
