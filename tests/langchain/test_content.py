"""One answer has the same content however it is asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
)
from langchain_openai import ChatOpenAI
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from openai import BadRequestError

from langchain_agents._convert import to_messages
from remote_agents import InMemorySessionStore, MaiAgent, UnsupportedContentError
from tests.langchain.recorded import REASONING, SOURCES, TEXT, URL, recorded
from tests.langchain.services import CHAT, KEEPING, chat, every_service, summed
from tests.raw_server import head, serving

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


async def _invoke(model: Any) -> Any:
    return model.invoke("Q")


async def _ainvoke(model: Any) -> Any:
    return await model.ainvoke("Q")


async def _stream(model: Any) -> Any:
    return summed(list(model.stream("Q")))


async def _astream(model: Any) -> Any:
    return summed([chunk async for chunk in model.astream("Q")])


async def _v3(model: Any) -> Any:
    return model.stream_events("Q", version="v3").output


async def _av3(model: Any) -> Any:
    return await (await model.astream_events("Q", version="v3"))


async def _streamed_invoke(model: Any) -> Any:
    return model.invoke("Q", stream=True)


Way = Callable[[Any], Awaitable[Any]]
WAYS: dict[str, tuple[Way, dict[str, Any]]] = {
    "invoke": (_invoke, {}),
    "ainvoke": (_ainvoke, {}),
    "invoke, streamed": (_streamed_invoke, {}),
    "stream": (_stream, {}),
    "astream": (_astream, {}),
    "stream, not coalesced": (_stream, {"coalesce": False}),
    "v1 invoke": (_invoke, {"output_version": "v1"}),
    "v1 ainvoke": (_ainvoke, {"output_version": "v1"}),
    "v1 invoke, streamed": (_streamed_invoke, {"output_version": "v1"}),
    "v1 stream": (_stream, {"output_version": "v1"}),
    "v1 astream": (_astream, {"output_version": "v1"}),
    "v3": (_v3, {}),
    "v3 async": (_av3, {}),
}


def _citation(service: str, number: int) -> dict[str, Any]:
    """What the source says in the words of LangChain, as far as the service tells it."""
    title, text = SOURCES[number]
    told: dict[str, Any] = {"type": "citation", "title": title, "cited_text": text}
    if service == "cloudbase":
        start = TEXT.index(f"[{number + 1}]")
        place = {"start_index": start, "end_index": start + 3}
        return told | place | {"url": URL + title, "extras": {"marker": f"[{number + 1}]"}}
    if service == "maiagent":
        return told | {"id": f"n{number}", "extras": {"score": 0.5}}
    return told | {"url": URL + title, "extras": {"score": 0.5}}


def _expected(service: str) -> list[dict[str, Any]]:
    text: dict[str, Any] = {"type": "text", "text": TEXT}
    if CHAT[service].endpoint.cites:
        text["annotations"] = [_citation(service, n) for n in range(len(SOURCES))]
    blocks: list[dict[str, Any]] = []
    if service != "maiagent":
        blocks.append({"type": "reasoning", "reasoning": REASONING})
    if service == "cloudbase":
        found = [
            {"index": f"[{n}]", "title": title, "url": URL + title, "content": text_}
            for n, (title, text_) in enumerate(SOURCES, 1)
        ]
        call = {"type": "server_tool_call", "id": "search", "name": "web_search", "args": {}}
        result = {"type": "server_tool_result", "tool_call_id": "search", "status": "success"}
        queue = {
            "record_id": "record-1",
            "model": "deepseek-r1",
            "finish_reason": "continue",
            "type": "queue",
            "place": 1,
        }
        blocks += [call, {**result, "output": found}, {"type": "non_standard", "value": queue}]
    blocks.append(text)
    return [{**block, "index": index} for index, block in enumerate(blocks)]


def _counts(service: str) -> dict[str, Any] | None:
    if not CHAT[service].endpoint.counts:
        return None
    counts = {"input_tokens": 7, "output_tokens": 11, "total_tokens": 18}
    if service == "cloudbase":  # its frames tell no details
        return counts
    read, made = {"cache_read": 4, "cache_creation": 2}, {"reasoning": 5}
    return {**counts, "input_token_details": read, "output_token_details": made}


def _facts(message: Any) -> dict[str, Any]:
    """The metadata that does not differ by nature between two calls."""
    ours = {"output_version", "reply_id"}
    facts = {k: v for k, v in message.response_metadata.items() if k not in ours}
    return {**facts, "usage": message.usage_metadata}


@every_service
@pytest.mark.parametrize("way", list(WAYS))
async def test_the_same_answer_every_way(service: str, way: str) -> None:
    ask, settings = WAYS[way]
    message = await ask(recorded(service, **settings))
    assert message.content_blocks == _expected(service)
    assert message.text == TEXT
    assert message.tool_calls == []
    plain = recorded(service).invoke("Q")
    assert _facts(message) == _facts(plain)
    assert plain.content == TEXT
    assert plain.response_metadata["finish_reason"] == "stop"
    assert plain.response_metadata["request_id"] == "request-1"
    assert message.usage_metadata == _counts(service)
    if CHAT[service].endpoint.cites:
        assert [c["title"] for c in message.additional_kwargs["citations"]] == [
            title for title, _ in SOURCES
        ]


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_file_that_is_told_again_with_less_is_one(way: str) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://files.example.com/plan.png"}}
    told = [{"content": "A"}, {"images": [{**picture, "mime_type": "image/png"}, picture]}]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in told]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in [*events, end])
    with serving([head(), lines, b"data: [DONE]\n\n"]) as server:
        ask, settings = WAYS[way]
        facts = {"agent_id": "a", "api_key": "k-of-mine", "base_url": server.url}
        message = await ask(CHAT["private_ai"](**facts, **settings))
    assert [block["type"] for block in message.content_blocks] == ["text", "image"]


@every_service
@pytest.mark.parametrize("settings", [{}, {"output_version": "v1"}])
def test_a_key_of_the_metadata_is_on_one_chunk(service: str, settings: dict[str, Any]) -> None:
    chunks = list(recorded(service, **settings).stream("Q"))
    for name in summed(chunks).response_metadata:
        holders = [chunk for chunk in chunks if name in chunk.response_metadata]
        assert len(holders) == 1 or name == "output_version"
    assert [chunk.chunk_position for chunk in chunks if chunk.chunk_position] == ["last"]
    assert chunks[-1].chunk_position == "last"
    assert sum(chunk.usage_metadata is not None for chunk in chunks) <= 1


@every_service
async def test_protocol_events_obey_the_lifecycle(service: str) -> None:
    model = recorded(service)
    events = list(model.stream_events("Q", version="v3"))
    assert_valid_event_stream(events)
    stream = await model.astream_events("Q", version="v3")
    again = [event async for event in stream]
    assert_valid_event_stream(again)
    assert [event["event"] for event in events] == [event["event"] for event in again]
    deltas = [e["delta"] for e in events if e["event"] == "content-block-delta"]
    assert "".join(d.get("text", "") for d in deltas) == TEXT


@every_service
async def test_events_v2_stream_the_answer(service: str) -> None:
    events = [event async for event in recorded(service).astream_events("Q", version="v2")]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "on_chat_model_start"
    assert kinds[-1] == "on_chat_model_end"
    assert events[-1]["data"]["output"].content_blocks == _expected(service)


@every_service
@pytest.mark.parametrize("settings", [{}, {"output_version": "v1"}])
def test_messages_survive_json(service: str, settings: dict[str, Any]) -> None:
    model = recorded(service, **settings)
    for message in (model.invoke("Q"), _as_message(summed(list(model.stream("Q"))))):
        whole = loads(dumps(message), allowed_objects="all")
        (parts,) = messages_from_dict(json.loads(json.dumps([message_to_dict(message)])))
        for copy in (whole, parts):
            assert copy.content_blocks == message.content_blocks
            (origin,) = (m.origin for m in to_messages([copy], ""))
            (before,) = (m.origin for m in to_messages([message], ""))
            assert origin == before
            assert origin is not None


def _as_message(chunk: Any) -> AIMessage:
    message = message_chunk_to_message(chunk)
    assert isinstance(message, AIMessage)
    return message


# --- what goes in ------------------------------------------------------------------------------

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
INLINE = [
    ({"type": "image", "base64": PIXEL, "mime_type": "image/png"}, "image"),
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}, "image"),
    ({"type": "audio", "base64": PIXEL, "mime_type": "audio/wav"}, "audio"),
    ({"type": "file", "base64": PIXEL, "mime_type": "application/pdf"}, "other"),
]
_ANTHROPIC = {"type": "base64", "media_type": "image/png", "data": PIXEL}
INLINE += [({"type": "image", "source": _ANTHROPIC}, "image")]
LINKED = [
    {"type": "image_url", "image_url": {"url": "https://files.example.com/plan.png"}},
    {"type": "image_url", "image_url": "https://files.example.com/plan.png"},
    {"type": "image", "url": "https://files.example.com/plan.png"},
    {"type": "file", "url": "https://files.example.com/plan.png"},
    {"type": "audio", "url": "https://files.example.com/plan.png"},
    {"type": "image", "source": {"type": "url", "url": "https://files.example.com/plan.png"}},
]


@pytest.mark.parametrize(("block", "kind"), INLINE)
def test_bytes_are_uploaded_first(sandbox: Any, block: Any, kind: str) -> None:
    chat(sandbox, "maiagent").invoke([HumanMessage(["See this.", block])])
    upload, turn = sandbox.requests("maiagent")[-2:]
    assert "attachments" in upload["path"]
    message = turn["body"]["message"]
    assert message["content"] == "See this."
    assert [file["type"] for file in message["attachments"]] == [kind]


@pytest.mark.parametrize("kind", ["image", "file"])
def test_a_file_uploaded_before_goes_by_id_and_link(sandbox: Any, kind: str) -> None:
    client = MaiAgent(**sandbox.kwargs("maiagent"))
    stored = client.attachments.upload(b"%PDF", filename="plan.pdf")
    block = {"type": kind, "file_id": stored.id, "url": stored.file, "filename": "plan.pdf"}
    chat(sandbox, "maiagent").invoke([HumanMessage(["See this.", block])])
    (sent,) = sandbox.requests("maiagent")[-1]["body"]["message"]["attachments"]
    assert (sent["id"], sent["file"], sent["filename"]) == (stored.id, stored.file, "plan.pdf")


@pytest.mark.parametrize("block", LINKED)
def test_links_go_to_cloudbase(sandbox: Any, block: Any) -> None:
    chat(sandbox, "cloudbase").invoke([HumanMessage([{"type": "text", "text": "See."}, block])])
    assert sandbox.requests("cloudbase")[-1]["body"]["files"] == [
        "https://files.example.com/plan.png"
    ]


@every_service
@pytest.mark.parametrize("kind", [HumanMessage, AIMessage])
@pytest.mark.parametrize("given", ["text", "base64"])
def test_plain_text_blocks_are_text(
    sandbox: Any, service: str, given: str, kind: type[BaseMessage]
) -> None:
    said = "Teas are green."
    content = {"text": said, "base64": base64.b64encode(said.encode()).decode()}[given]
    block = {"type": "text-plain", given: content, "mime_type": "text/plain"}
    told = kind([{"type": "text", "text": "Read:"}, block])
    chat(sandbox, service).invoke([HumanMessage("Hi"), told, HumanMessage("What is green?")])
    assert said in json.dumps(sandbox.requests(service)[-1]["body"])


@every_service
@pytest.mark.parametrize(
    "block",
    [
        {"type": "hologram", "beam": 1},
        {"type": "tool_result", "tool_use_id": "t1", "content": "20 degrees"},
        {"type": "image", "source": 5},
        {"type": "image", "beam": 1},
        {"type": "image", "base64": "%%%", "mime_type": "image/png"},
        {"type": "image", "base64": 5, "mime_type": "image/png"},
        {"type": "image", "url": 5},
        {"type": "text-plain", "base64": 5},
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(sandbox: Any, service: str, block: Any) -> None:
    _is_refused(sandbox, service, block)


def test_what_stands_about_a_file_may_be_anything(sandbox: Any) -> None:
    block = {"type": "file", "base64": "aGk=", "mime_type": "text/plain", "extras": "x"}
    assert chat(sandbox, "maiagent").invoke([HumanMessage(["Read this.", block])]).text


@pytest.mark.parametrize(
    "service", [name for name in CHAT if "video" not in CHAT[name].endpoint.attachments]
)
def test_a_video_is_refused_by_name(sandbox: Any, service: str) -> None:
    link = {"type": "video", "url": "https://files.example.com/a.mp4"}
    _is_refused(sandbox, service, link)


def _is_refused(sandbox: Any, service: str, block: Any) -> None:
    model = chat(sandbox, service)
    for ask in (model.invoke, lambda prompt: list(model.stream(prompt))):
        with pytest.raises(UnsupportedContentError, match=block["type"]):
            ask([HumanMessage(["See this.", block])])
    assert sandbox.requests(service) == []


def test_many_messages_are_converted_quickly() -> None:
    history = [HumanMessage("Hi"), AIMessage("Hello")] * 2_500
    assert [m.role for m in to_messages(history, "")] == ["user", "assistant"] * 2_500


@pytest.mark.parametrize("service", ["maiagent", "cloudbase"])
def test_a_replay_uploads_nothing_again(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service)
    file = {
        "type": "image",
        "base64": base64.b64encode(b"a dot").decode(),
        "mime_type": "image/png",
    }
    question = HumanMessage([{"type": "text", "text": "What is it?"}, file])

    def files() -> list[str]:
        posts = [
            r["body"] for r in sandbox.requests(service) if "attachments" not in r["path"][-13:]
        ]
        if service == "cloudbase":
            return list(posts[-1]["files"])
        return [each["id"] for each in posts[-1]["message"]["attachments"]]

    model.invoke([question])
    (first,) = files()
    model.invoke([question, AIMessage("A dot."), HumanMessage("Sure?")])
    assert files() == [first]
    other = {**file, "base64": base64.b64encode(b"another").decode()}
    model.invoke([HumanMessage([{"type": "text", "text": "And this?"}, other])])
    assert files() != [first]
    chat(sandbox, service, api_key=lambda: model.agent.key).invoke([question])
    assert files() != [first], "whose key it is, is not known"


@pytest.mark.parametrize("responses", [False, True])
@pytest.mark.parametrize("version", ["v0", "v1"])
@every_service
def test_a_reply_can_be_handed_to_another_vendors_model(
    service: str, version: str, responses: bool
) -> None:
    reply: Any = recorded(service, output_version=version).invoke("Q")
    if version == "v1":  # langchain-openai knows no steps of other vendors' agents
        reply = reply.model_copy(update={"content": reply.text})
    sent: list[bytes] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(400, json={"error": {"message": "enough was seen"}})

    client = httpx.Client(transport=httpx.MockTransport(refuse))
    other = ChatOpenAI(model="gpt-5", api_key="k", http_client=client, use_responses_api=responses)
    with pytest.raises(BadRequestError, match="enough was seen"):
        other.invoke([HumanMessage("Q"), reply, HumanMessage("And?")])
    assert TEXT.encode() in sent[0]
    assert b"server_tool" not in sent[0]


@pytest.mark.parametrize("service", KEEPING)
def test_a_copy_for_others_is_still_the_agents_own_reply(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service, output_version="v1", session_store=InMemorySessionStore())
    config: Any = {"configurable": {"thread_id": "t"}}
    reply = model.invoke([HumanMessage("Q")], config)
    copied = reply.model_copy(update={"content": reply.text})
    assert [block["type"] for block in copied.content_blocks][-1:] == ["text"]
    restarted = chat(sandbox, service, session_store=InMemorySessionStore())
    again = restarted.invoke([HumanMessage("Q"), copied, HumanMessage("And?")], config)
    assert again.response_metadata["memory"] == "continued"
