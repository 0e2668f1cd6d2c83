"""Nothing that a service said is lost: what else it told, files, other choices, strange frames."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from remote_agents import ENDPOINTS, File, Reply
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Answer, Way
from tests.raw_server import CLOSE, JSON, head, serving

WAYS = {
    "whole": (False, False),
    "awhole": (False, True),
    "streamed": (True, False),
    "astreamed": (True, True),
}
OPENAI = ("cloudbase_openai", "private_ai", "bluenexus")
each_way = pytest.mark.parametrize("way", list(WAYS))
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)

Frame = dict[str, Any]


def openai(*pieces: str, key: str = "delta") -> list[Frame]:
    told = {"id": "r", "object": "chat.completion", "created": 1713000000, "model": "m"}
    choices = [{"index": 0, key: {"role": "assistant", "content": piece}} for piece in pieces]
    choices[-1]["finish_reason"] = "stop"
    return [{**told, "system_fingerprint": None, "choices": [choice]} for choice in choices]


def classic(*pieces: str) -> list[Frame]:
    told = {"record_id": "r", "created": "1726030224", "version": "2024", "model": "m"}
    frames = [{**told, "type": "text", "role": "assistant", "content": piece} for piece in pieces]
    ends = ["continue"] * (len(frames) - 1) + ["stop"]
    return [{**f, "finish_reason": end} for f, end in zip(frames, ends, strict=True)]


def ag_ui(*pieces: str) -> list[Frame]:
    run = {"threadId": "t", "runId": "r"}
    told = [{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": piece} for piece in pieces]
    return [{"type": "RUN_STARTED", **run}, *told, {"type": "RUN_FINISHED", **run}]


def maiagent(*pieces: str) -> list[Frame]:
    told = {"conversationId": "c", "createdAt": "1728181396000"}
    return [*({**told, "content": piece, "done": False} for piece in pieces), maiagent_end()]


def maiagent_end(text: str = "") -> Frame:
    return {"conversationId": "c", "content": text, "done": True, "createdAt": "1728181396000"}


def answer_of(endpoint: str, *, streamed: bool) -> list[Frame]:
    """The frames of an answer, or the one body."""
    if endpoint == "cloudbase":  # which always streams
        return classic("25 ", "days")
    if endpoint == "ag_ui":
        return ag_ui("25 ", "days")
    if endpoint == "maiagent":
        return maiagent("25 ", "days") if streamed else [maiagent_end("25 days")]
    return openai("25 ", "days") if streamed else openai("25 days", key="message")


def sent(frames: Iterable[Frame], *, streamed: bool) -> list[Any]:
    if not streamed:
        (whole,) = frames
        body = json.dumps(whole).encode()
        return [head(JSON, length=len(body)), body]
    lines = [f"data: {json.dumps(frame)}\n\n" for frame in frames]
    return [head(), "".join([*lines, "data: [DONE]\n\n"]).encode(), CLOSE]


async def asked(
    framework: str,
    endpoint: str,
    way: str,
    frames: list[Frame],
    text: str = "25 days",
    **settings: Any,
) -> Answer:
    streamed, awaited = WAYS[way]
    script = sent(
        frames, streamed=streamed or ENDPOINTS[endpoint].always_streams or len(frames) > 1
    )
    with serving(script) as server:
        settings = {"base_url": server.url, "agent_id": "b", "api_key": "key", **settings}
        asking = Way(framework, endpoint, streamed=streamed, awaited=awaited, **settings)
        answer = await asking.ask("How many days?")
    assert answer.text == text
    return answer


def extra(framework: str, answer: Answer, name: str) -> Any:
    """What stands beside the text, under the same name in every framework."""
    if framework != "plain":
        return answer.message.additional_kwargs[name]
    found = getattr(answer.message, name)
    return [each.to_dict() for each in found] if name == "files" else found


# --- raw -----------------------------------------------------------------------------------------

SAID = {
    **{name: {"object": "chat.completion", "created": 1713000000} for name in ENDPOINTS},
    "ag_ui": {"runId": "r"},
    "cloudbase": {"created": "1726030224", "version": "2024"},
    "maiagent": {"createdAt": "1728181396000"},
}


@each_way
@each_framework
@each_endpoint
async def test_what_else_the_service_said(endpoint: str, framework: str, way: str) -> None:
    frames = answer_of(endpoint, streamed=WAYS[way][0])
    answer = await asked(framework, endpoint, way, frames)
    assert answer.metadata["raw"] == SAID[endpoint]
    json.dumps(answer.metadata)


@each_framework
async def test_what_comes_late_is_there_and_a_flood_is_not(framework: str) -> None:
    first, last = openai("25 ", "days")
    last["system_fingerprint"] = "fp-1"
    flood = {f"field{n}": n for n in range(1000)} | {"long": "x" * 10_000, "hidden": {"a": "b"}}
    frames = [first, {**last, **flood}]
    raw = (await asked(framework, "bluenexus", "streamed", frames)).metadata["raw"]
    assert raw["system_fingerprint"] == "fp-1"
    assert len(json.dumps(raw)) < 2000
    assert "hidden" not in raw
    assert "long" not in raw


@each_framework
async def test_a_run_tells_of_itself_and_not_of_its_parts(framework: str) -> None:
    frames = [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "run-7"},
        {"type": "STATE_SNAPSHOT", "snapshot": {"secret": "s"}, "extra": "not of the run"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "25 days", "odd": 1},
        {"type": "RUN_FINISHED", "threadId": "t", "runId": "run-7"},
    ]
    answer = await asked(framework, "cloudbase", "streamed", frames, dialect="ag-ui")
    assert answer.metadata["raw"] == {"runId": "run-7"}


@each_way
@each_framework
async def test_an_answers_payload_comes_along(framework: str, way: str) -> None:
    *first, last = answer_of("maiagent", streamed=WAYS[way][0])
    last["contentPayload"] = {"buttons": ["Yes", "No"]}
    answer = await asked(framework, "maiagent", way, [*first, last])
    assert answer.metadata["raw"]["contentPayload"] == {"buttons": ["Yes", "No"]}


# --- files ---------------------------------------------------------------------------------------

PLAN = {"id": "f1", "type": "image", "filename": "plan.png", "file": "https://files/plan.png"}
PAGES = {"id": "f2", "type": "other", "filename": "a.pdf", "file": "https://files/a.pdf"}
FILES = [
    {"kind": "image", "url": "https://files/plan.png", "id": "f1", "filename": "plan.png"},
    {"kind": "file", "url": "https://files/a.pdf", "id": "f2", "filename": "a.pdf"},
]


@each_way
@each_framework
async def test_the_files_of_an_answer(framework: str, way: str) -> None:
    *first, last = answer_of("maiagent", streamed=WAYS[way][0])
    frames = [*first, {**last, "attachments": [PLAN, PAGES]}]
    if first:
        frames[0]["attachments"] = [PLAN]  # and again with the last frame
    answer = await asked(framework, "maiagent", way, frames)
    assert extra(framework, answer, "files") == FILES
    blocks = getattr(answer.message, "content_blocks", [])
    if framework == "langchain":
        files = [(b["type"], b["url"], b["id"]) for b in blocks if b["type"] != "text"]
        assert files == [(f["kind"], f["url"], f["id"]) for f in FILES]
    if framework == "llamaindex":
        found = [b for b in answer.message.blocks if b.block_type in ("image", "document")]
        assert [str(block.url) for block in found] == [f["url"] for f in FILES]


BINARY = [
    {"type": "text", "text": "25 days"},
    {"type": "binary", "mimeType": "image/png", "data": "aGk=", "filename": "a.png"},
    {"type": "document", "source": {"type": "url", "value": "https://x.io/a", "mimeType": "a/b"}},
]


@each_framework
async def test_the_binary_parts_of_a_run(framework: str) -> None:
    snapshot = [{"id": "m", "role": "assistant", "content": BINARY}]
    frames = [
        {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
        {"type": "MESSAGES_SNAPSHOT", "messages": snapshot},
        {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
    ]
    answer = await asked(framework, "cloudbase", "streamed", frames, dialect="ag-ui")
    assert extra(framework, answer, "files") == [
        {"kind": "image", "mime_type": "image/png", "data": "aGk=", "filename": "a.png"},
        {"kind": "file", "url": "https://x.io/a", "mime_type": "a/b"},
    ]


@each_framework
async def test_a_conversation_goes_on_behind_files(framework: str) -> None:
    frames = [{**maiagent_end("25 days"), "attachments": [PLAN]}]
    with serving(sent(frames, streamed=True)) as server:
        settings = {"base_url": server.url, "agent_id": "b", "api_key": "k", "memory": "server"}
        way = Way(framework, "maiagent", streamed=True, awaited=False, **settings)
        first = await way.ask("Hi")
        await way.ask("And?", [way.question("Hi"), first.message])
        asked_for = json.loads(server.requests[-1].partition(b"\r\n\r\n")[2])
    assert (asked_for["conversation"], asked_for["message"]["content"]) == ("c", "And?")


@each_way
@each_framework
async def test_files_alone_are_an_answer(framework: str, way: str) -> None:
    frames = [{**maiagent_end(), "attachments": [PLAN]}]
    answer = await asked(framework, "maiagent", way, frames, "")
    assert extra(framework, answer, "files") == FILES[:1]


IMAGE = {"type": "image_url", "image_url": {"url": "https://files/plan.png"}}


@each_way
@each_framework
@pytest.mark.parametrize("endpoint", OPENAI)
async def test_the_parts_of_a_content(endpoint: str, framework: str, way: str) -> None:
    *first, last = answer_of(endpoint, streamed=WAYS[way][0])
    (choice,) = last["choices"]
    said = choice["delta" if "delta" in choice else "message"]
    said["content"] = [{"type": "text", "text": said["content"]}, IMAGE]
    answer = await asked(framework, endpoint, way, [*first, last])
    files = [{"kind": "image", "url": "https://files/plan.png"}]
    assert extra(framework, answer, "files") == files


NOTE = {"type": "url_citation", "url_citation": {"url": "https://x.io/a", "title": "A"}}
SEARCHED = {"type": "output_text", "text": "25 days", "annotations": [NOTE["url_citation"]]}
SOURCE = {"title": "A", "url": "https://x.io/a"}
PICTURE = {"kind": "image", "url": "https://files/plan.png"}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
REFUSED = {"type": "refusal", "refusal": "25 days"}
SAID_BESIDE: dict[str, tuple[Frame, Frame]] = {
    "a refusal": ({"refusal": "25 days"}, {}),
    "a refusal as a part": ({"content": [REFUSED]}, {}),
    "a thought": ({"content": [THOUGHT, SEARCHED]}, {"reasoning": "Hm.", "citations": [SOURCE]}),
    "details of a thought": (
        {"content": "25 days", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning": "Hm."},
    ),
    "texts alone": ({"content": ["25 ", "days"]}, {}),
    "a text of an assistant": (
        {"content": [{"type": "text", "text": {"value": "25 days", "annotations": [NOTE]}}]},
        {"citations": [SOURCE]},
    ),
    "a source": ({"content": "25 days", "annotations": [NOTE]}, {"citations": [SOURCE]}),
    "a picture": ({"content": "25 days", "images": [IMAGE]}, {"files": [PICTURE]}),
}


@each_way
@each_framework
@pytest.mark.parametrize("endpoint", OPENAI)
@pytest.mark.parametrize("said", list(SAID_BESIDE))
async def test_what_a_message_says_beside_its_text(
    endpoint: str, framework: str, way: str, said: str
) -> None:
    fields, expected = SAID_BESIDE[said]
    frames = answer_of(endpoint, streamed=False)
    if WAYS[way][0]:
        pieces = [{"role": "assistant", "content": "", "refusal": None}, *each_of(fields), {}]
        choices = [{"index": 0, "delta": piece, "finish_reason": None} for piece in pieces]
        choices[-1]["finish_reason"] = "stop"
        frames = [{**frames[0], "choices": [choice]} for choice in choices]
    else:
        message = {"role": "assistant", "content": None, "refusal": None, **fields}
        frames[0]["choices"][0]["message"] = message
    answer = await asked(framework, endpoint, way, frames)
    assert beside(framework, answer) == expected


@each_framework
@pytest.mark.parametrize("endpoint", OPENAI)
@pytest.mark.parametrize("way", ["streamed", "astreamed"])
async def test_a_stream_may_end_with_the_whole_message(
    endpoint: str, framework: str, way: str
) -> None:
    pieces = openai("25 ", "days")
    pieces[0]["choices"][0]["delta"]["reasoning_content"] = "Hm."
    del pieces[-1]["choices"][0]["finish_reason"]
    (whole,) = openai("25 days", key="message")
    whole["choices"][0]["message"]["reasoning_content"] = "Hm."
    answer = await asked(framework, endpoint, way, [*pieces, whole])
    assert beside(framework, answer) == {"reasoning": "Hm."}


def each_of(fields: Frame) -> list[Frame]:
    return [{name: value} for name, value in fields.items()]


def beside(framework: str, answer: Answer) -> Frame:
    """What stands beside the text, under its name in the plain client."""
    if framework == "plain":
        reply = answer.message
        found = {"citations": reply.citations, "files": reply.files}
        told = {name: [each.to_dict() for each in items] for name, items in found.items()}
        told["reasoning"] = reply.reasoning
    else:
        known = answer.message.additional_kwargs
        told = {name: known.get(name) for name in ("citations", "files", "reasoning")}
        told["reasoning"] = told["reasoning"] or known.get("reasoning_content")
    return {name: value for name, value in told.items() if value}


def test_a_person_is_shown_the_files() -> None:
    reply = Reply("maiagent", "maiagent:b@host")
    reply.add(File("image", "https://files/plan.png", "f1", "plan.png"))
    reply.add(File("file", id="f2", filename="<b>.pdf"))
    page = reply._repr_html_()
    assert 'href="https://files/plan.png"' in page
    assert "<b>" not in page
    assert "&lt;b&gt;.pdf" in page
    assert "File: plan.png  https://files/plan.png" in reply._repr_markdown_()


# --- other choices, strange frames -----------------------------------------------------


@each_way
@each_framework
@pytest.mark.parametrize("endpoint", OPENAI)
async def test_the_other_choices(endpoint: str, framework: str, way: str) -> None:
    frames = answer_of(endpoint, streamed=WAYS[way][0])
    for frame in frames:
        (choice,) = frame["choices"]
        key = "delta" if "delta" in choice else "message"
        frame["choices"].append({"index": 1, key: {"content": choice[key]["content"].upper()}})
    answer = await asked(framework, endpoint, way, frames)
    assert extra(framework, answer, "alternatives") == ["25 DAYS"]


@each_framework
@each_endpoint
async def test_strange_frames_are_counted(endpoint: str, framework: str) -> None:
    strange: Frame = {"type": "telemetry", "load": 3}
    first, *rest = answer_of(endpoint, streamed=True)
    answer = await asked(framework, endpoint, "streamed", [first, strange, strange, *rest])
    assert answer.metadata["unknown_frames"] == 2
