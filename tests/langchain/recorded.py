"""One answer, recorded in the words of each protocol, whole and streamed.

It holds what the protocol has words for: reasoning, a search, two citations, usage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.langchain.services import CHAT

TEXT = "You get 25 days [1]. Part-time staff get a share [2]."
PIECES = ("You get 25 days [1]. ", "Part-time staff ", "get a share [2].")
REASONING = "The handbook knows."
THOUGHTS = ("The handbook ", "knows.")
Sources = Sequence[tuple[str, str]]
SOURCES: Sources = (("vacation.md", "25 days"), ("part-time.md", "a share"))
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 11,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
CAMEL = {"promptTokens": 7, "completionTokens": 11, "totalTokens": 18}
URL = "https://docs.example.com/"
HEADERS = {"x-request-id": "request-1"}


def _found(sources: Sources) -> list[dict[str, Any]]:
    return [
        {"index": f"[{n}]", "title": title, "url": URL + title, "content": text}
        for n, (title, text) in enumerate(sources, 1)
    ]


def _cloudbase(streamed: bool, sources: Sources) -> list[Any]:
    same = {"record_id": "record-1", "model": "deepseek-r1", "finish_reason": "continue"}
    return [
        *({**same, "type": "thinking", "reasoning_content": piece} for piece in THOUGHTS),
        {**same, "type": "search", "search_info": {"search_results": _found(sources)}},
        {**same, "type": "queue", "place": 1},
        *({**same, "type": "text", "content": piece} for piece in PIECES),
        {**same, "type": "finish", "finish_reason": "stop", "usage": CAMEL},
        "[DONE]",
    ]


def _openai(streamed: bool, sources: Sources = (), **extra: Any) -> list[Any]:
    same = {"id": "reply-1", "model": "glm"}
    if not streamed:
        message = {"role": "assistant", "reasoning_content": REASONING, "content": TEXT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return [{**same, "choices": [choice], "usage": USAGE, **extra}]

    def frame(**delta: Any) -> dict[str, Any]:
        return {**same, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return [
        *(frame(reasoning_content=piece) for piece in THOUGHTS),
        *(frame(content=piece) for piece in PIECES),
        {**same, "choices": [end], "usage": USAGE, **extra},
        "[DONE]",
    ]


def _private_ai(streamed: bool, sources: Sources) -> list[Any]:
    contexts = [
        {"text": text, "metadata": {"origin_name": title, "origin_ref": URL + title, "score": 0.5}}
        for title, text in sources
    ]
    return _openai(streamed, index_context_info=contexts, session_id="session-1")


def _kept_by_service(streamed: bool, sources: Sources) -> list[Any]:
    return _openai(streamed, conversationId="conversation-1")


def _maiagent(streamed: bool, sources: Sources) -> list[Any]:
    nodes = [
        {"chatbotTextNode": {"id": f"n{n}", "filename": title, "text": text}, "score": 0.5}
        for n, (title, text) in enumerate(sources)
    ]
    last = {"conversationId": "conversation-1", "citationNodes": nodes, "citations": []}
    if not streamed:
        return [{"content": TEXT, "done": True, **last}]
    pieces = [{"content": piece, "done": False} for piece in PIECES]
    return [*pieces, {"content": "", "done": True, **last}]


def _ag_ui(streamed: bool, sources: Sources) -> list[Any]:
    run, message = {"threadId": "thread-1", "runId": "run-1"}, {"messageId": "reply-1"}
    kind = "REASONING_MESSAGE_CONTENT"
    counts = {"inputTokens": 7, "outputTokens": 11}
    details = {"cachedInputTokens": 4, "cacheWriteInputTokens": 2, "reasoningTokens": 5}
    usage = {"model": "glm", **counts, **details}
    return [
        {"type": "RUN_STARTED", **run},
        *({"type": kind, "messageId": "thought-1", "delta": piece} for piece in THOUGHTS),
        {"type": "TEXT_MESSAGE_START", **message, "role": "assistant"},
        *({"type": "TEXT_MESSAGE_CONTENT", **message, "delta": piece} for piece in PIECES),
        {"type": "TEXT_MESSAGE_END", **message},
        {"type": "RUN_FINISHED", **run, "usage": [usage]},
    ]


_ANSWERS: dict[str, Any] = {
    "ag_ui": _ag_ui,
    "cloudbase": _cloudbase,
    "cloudbase_openai": _openai,
    "private_ai": _private_ai,
    "maiagent": _maiagent,
}


def _respond(service: str, request: httpx.Request, sources: Sources) -> httpx.Response:
    body = json.loads(request.content)
    streamed = (
        CHAT[service].endpoint.always_streams
        or body.get("stream")
        or body.get("isStreaming")
        or False
    )
    frames = _ANSWERS.get(service, _kept_by_service)(streamed, sources)
    if not streamed:
        return httpx.Response(200, headers=HEADERS, json=frames[0])
    lines = (frame if isinstance(frame, str) else json.dumps(frame) for frame in frames)
    sse = "".join(f"data: {line}\n\n" for line in lines)
    kind = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers={**HEADERS, **kind}, content=sse.encode())


def recorded(
    service: str, sources: Sources = SOURCES, of: Mapping[str, Any] = CHAT, **settings: Any
) -> Any:
    """A chat model, or another face `of` a service, which always gives the recorded answer."""

    def respond(request: httpx.Request) -> httpx.Response:
        return _respond(service, request, sources)

    async def arespond(request: httpx.Request) -> httpx.Response:
        return _respond(service, request, sources)

    return of[service](
        agent_id="a1",
        api_key="k",
        base_url="https://recorded.example.com",
        http_client=httpx.Client(transport=httpx.MockTransport(respond)),
        http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(arespond)),
        **settings,
    )
