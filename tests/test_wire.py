"""The services' transcripts, byte for byte: the same events whatever the borders and line ends."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from remote_agents import (
    AgentError,
    AuthenticationError,
    BadRequestError,
    Citation,
    ClientToolCall,
    Finish,
    Interrupt,
    Message,
    QuotaExceededError,
    RateLimitError,
    ReasoningDelta,
    RemoteFailureError,
    Reply,
    StreamInterruptedError,
    TextDelta,
    ToolCall,
    ToolResult,
    Unknown,
    UnprocessableEntityError,
    Usage,
)
from remote_agents.agent import Agent
from remote_agents.recording.transcript import Interaction, Transcript
from remote_agents.services import ENDPOINTS
from remote_agents.types import Event
from tests.test_decode_fuzz import SETTINGS

TRANSCRIPTS = Path(__file__).parent / "wire"
RECORD, CHAT = "record-427d3652", "3cdb958c-e4cc-4834-b52b-1d1a7f324714"
SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
REQUEST = "6360ba4b-f672-434b-9dee-35686a5589a4"
FOUND = [{"index": "[1]", "title": "Title", "url": "https://example.com"}]
FILE = {"type": "'search_file',", "created": 1726030224200, "content": "the whole text of a file"}


@dataclass
class Told:
    """What a transcript says: its events, the facts of the reply, or its error."""

    events: list[Event] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    error: type[AgentError] | None = None
    says: str = ""


def source(name: str) -> Citation:
    return Citation("handbook.pdf", "https://...", "chunk text", name, 0.83)


TOLD = {
    "cloudbase_openai.json": Told(
        [TextDelta("Hello"), Usage(10, 20, 30)],
        {"reply_id": RECORD, "model": "bot-xxxx", "request_id": REQUEST, "conversation_id": None},
    ),
    "cloudbase_openai.stream": Told(
        [TextDelta("Hel"), TextDelta("lo"), Usage(10, 2, 12)],
        {"reply_id": RECORD, "model": "bot-xxxx", "request_id": REQUEST},
    ),
    "cloudbase_openai.ag_ui": Told([TextDelta("...")]),
    "cloudbase_openai.refused": Told(error=AuthenticationError, says="Credentials are invalid"),
    "cloudbase.stream": Told(
        [
            ToolCall("search", "web_search"),
            ToolResult("search", FOUND),
            Citation("Title", "https://example.com", marker="[1]"),
            ToolCall("knowledge", "knowledge_base_search"),
            ToolResult("knowledge", [{"title": "handbook"}]),
            Citation("handbook", extra={"knowledge_base": "handbook"}),
            ReasoningDelta("The user greets"),
            TextDelta("Hel"),
            TextDelta("lo"),
            Usage(10, 20, 30),
        ],
        {"reply_id": RECORD, "model": "deepseek-r1", "request_id": REQUEST},
    ),
    "ag_ui.modern": Told(
        [ReasoningDelta("The user greets"), TextDelta("Hel"), TextDelta("lo"), Usage(10, 20, 30)],
        {"reply_id": "m-1", "model": "gpt-5", "conversation_id": "thread-1"},
    ),
    "cloudbase.newest": Told(
        [
            ReasoningDelta("The user greets"),
            ToolCall("call-1", "get_weather", {"city": "Paris"}),
            TextDelta("Hello"),
            Usage(10, 20, 30),
        ],
        {"reply_id": RECORD, "model": "deepseek-r1"},
    ),
    "cloudbase.hosted": Told(
        [
            TextDelta("Hello"),
            ToolCall("search", "web_search"),
            ToolResult("search", [{"index": "[1]", "title": "Title", "url": "Link"}]),
            Citation("Title", "Link", marker="[1]"),
        ],
        error=StreamInterruptedError,  # its only frame says "continue"
    ),
    "cloudbase.failed": Told(error=RemoteFailureError, says="..."),
    "cloudbase.quota": Told(error=QuotaExceededError, says="quota limit"),
    "cloudbase.tools": Told(
        [
            ToolCall("call-1", "weather", {"city": "Oslo"}),
            ToolResult("call-1", {"celsius": -3}),
            Unknown(FILE),
            ToolCall("db", "database_search"),
            ToolResult("db", {"relateTables": 2}),
            TextDelta("Minus three."),
            Usage(10, 20, 30),
        ],
        {"reply_id": "record-1", "model": "hunyuan"},
    ),
    "cloudbase.ag_ui": Told(
        [TextDelta("Hello")], {"conversation_id": "thread-xxx", "reply_id": "msg-1"}
    ),
    "cloudbase.ag_ui_failed": Told(
        [
            ReasoningDelta("Hm"),
            ToolCall("call-1", "weather", {"city": "Oslo"}),
            ToolResult("call-1", "-3"),
            TextDelta("Minus"),
        ],
        error=RemoteFailureError,
        says="the model is gone",
    ),
    "private_ai.json": Told(
        [TextDelta("Hello! I am an AI assistant"), source("doc-uuid"), Usage(10, 8, 18)],
        {"reply_id": CHAT, "conversation_id": SESSION, "model": "llama-2-70b-chat-hf"},
    ),
    "private_ai.stream": Told(
        [source("d1"), TextDelta("How are "), TextDelta("you?")],
        {"reply_id": CHAT, "conversation_id": SESSION, "usage": None},
    ),
    "private_ai.invalid": Told(
        error=UnprocessableEntityError, says="body.messages: field required"
    ),
    "bluenexus.json": Told(
        [TextDelta("..."), Usage(150, 45, 195)],
        {
            "reply_id": "chatcmpl-abc123",
            "conversation_id": "conv-xyz",
            "credits_consumed": 15,
            "credits_remaining": 19985,
        },
    ),
    "bluenexus.stream": Told(
        [TextDelta("Here"), TextDelta(" are"), TextDelta(" your")],
        {"conversation_id": "conv-xyz", "credits_consumed": None, "credits_remaining": 19985},
    ),
    "bluenexus.invalid": Told(
        error=BadRequestError, says="temperature: must be a number; max_tokens: must be positive"
    ),
    "bluenexus.throttled": Told(error=RateLimitError, says="Too Many Requests"),
    "maiagent.json": Told([TextDelta("Hi, I am ...")], {"conversation_id": "5a1c..."}),
    "maiagent.stream": Told(
        [TextDelta("Once there "), TextDelta("was a dog")], {"conversation_id": "5a1c..."}
    ),
    "maiagent.throttled": Told(error=RateLimitError, says="throttled"),
}


class Said(NamedTuple):
    """What a captured answer says."""

    text: str = ""
    reason: str = "stop"
    kinds: frozenset[type[Event]] = frozenset()
    error: type[AgentError] | None = None
    says: str = ""


FIRST = 'I SAW [[["human", "Hello"]], {}]'
SECOND = 'I SAW [[["human", "Hello"], ["ai", "..."], ["human", "And who am I? 你好"]], {}]'
CAPTURED = {
    "cloudbase.tencent": [Said(FIRST), Said(SECOND)],
    "cloudbase.tencent_forgets": [Said(FIRST), Said(SECOND)],
    "cloudbase.tencent_snapshot": [Said("Answer 1.")],
    "cloudbase.tencent_person": [
        Said(reason="interrupt", kinds=frozenset({Interrupt})),
        Said("You said 'yes'"),
    ],
    "cloudbase.tencent_tools": [Said(reason="tool_calls", kinds=frozenset({ClientToolCall}))],
    "cloudbase.tencent_failed": [
        Said(
            'I SAW [[["human", "fail please"]], {}]',
            error=RemoteFailureError,
            says="the model broke down",
        )
    ],
    "cloudbase_openai.tencent": [Said('I SAW [[["human", "hi"]], {}]')],
}


class Canned:
    """A transport whose response is one of a transcript, in pieces of some size."""

    def __init__(self, interaction: Interaction, newline: str, size: int) -> None:
        self.status = interaction.status
        self.headers = httpx.Headers(interaction.answer_headers)
        raw = b"".join(interaction.pieces).replace(b"\n", newline.encode())
        self._chunks = [raw[at : at + size] for at in range(0, len(raw), size)]

    def open_response(self, op: Any) -> "Canned":
        return self

    def read(self, deadline: float | None) -> bytes | None:
        return self._chunks.pop(0) if self._chunks else None

    def release(self) -> None:
        self._chunks.clear()


def transcript(name: str) -> Transcript:
    return Transcript.read((TRANSCRIPTS / f"{name}.txt").read_text("utf-8"))


def replay(
    name: str, newline: str = "\n", size: int = 1 << 20, number: int = 0
) -> tuple[list[Event], Any]:
    """The events of an answer in a transcript, and its reply or error."""
    endpoint, interaction = name.split(".")[0], transcript(name).interactions[number]
    agent = Agent(
        ENDPOINTS[endpoint], api_key="k", max_retries=0, coalesce=False, **SETTINGS[endpoint]
    )
    agent.transport = Canned(interaction, newline, size)
    events: list[Event] = []
    try:
        for event in agent.stream([Message("user", "Hi")]):
            events.append(event)  # noqa: PERF402 - an error must not lose what came before it
    except AgentError as error:
        return events, error
    last = events.pop()
    assert isinstance(last, Finish)
    return events, last.reply


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000, 1 << 20])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("name", TOLD)
def test_transcript(name: str, newline: str, size: int) -> None:
    told = TOLD[name]
    events, end = replay(name, newline, size)
    assert events == told.events
    if told.error is not None:
        assert type(end) is told.error
        assert told.says in str(end)
        assert end.partial == "".join(e.text for e in events if isinstance(e, TextDelta))
        return
    assert isinstance(end, Reply)
    assert end.finish_reason == "stop"
    assert {name: getattr(end, name) for name in told.facts} == told.facts


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(
    ("name", "number", "said"),
    [(name, number, said) for name, all_ in CAPTURED.items() for number, said in enumerate(all_)],
)
def test_what_was_captured(name: str, number: int, said: Said, newline: str, size: int) -> None:
    events, end = replay(name, newline, size, number)
    assert {type(event) for event in events} >= said.kinds
    assert not [event for event in events if isinstance(event, Unknown)]
    if said.error is not None:
        assert type(end) is said.error
        assert (end.partial, said.says in str(end)) == (said.text, True)
        return
    assert isinstance(end, Reply)
    assert (end.text, end.finish_reason) == (said.text, said.reason)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == said.text


def test_every_transcript_is_told() -> None:
    assert {path.stem for path in TRANSCRIPTS.glob("*.txt")} == {*TOLD, *CAPTURED}
    assert {name.split(".")[0] for name in TOLD} == set(ENDPOINTS)


SOURCES = {
    "captured from": "a program that ran, with the versions",
    "example in the document": "as a vendor printed it",
    "put together from": "the fields that a document or a vendor's code names",
    "guessed from": "how the framework behind it is wont to say it",
}


@pytest.mark.parametrize("name", [*TOLD, *CAPTURED])
def test_every_transcript_says_where_it_is_from(name: str) -> None:
    source = transcript(name).facts["source"]
    assert [kind for kind in SOURCES if source.startswith(f"{kind} ")]
    assert source.startswith("captured from") is (name in CAPTURED)
    if name in CAPTURED:
        assert re.search(r"[\w-]+ \d+\.\d+.* running", source)
        assert len(transcript(name).interactions) == len(CAPTURED[name])


def test_what_a_throttled_request_says() -> None:
    error = replay("maiagent.throttled")[1]
    assert (error.retry_after, error.status_code) == (5.0, 429)
    assert replay("private_ai.invalid")[1].details[0]["loc"] == ["body", "messages"]
    assert replay("cloudbase_openai.refused")[1].request_id == REQUEST
