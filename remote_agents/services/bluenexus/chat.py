"""BlueNexus agents.

Implements "Agent Chat Completions", POST /api/v1/agents/{agent_id}/chat/completions: OpenAI's shape
with `conversationId` in the request and `X-Conversation-Id`, `X-Credits-*` in the response headers.
Frames of a stream are minimal: every key but `choices[].delta` may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from remote_agents.flow import Flow, Request, Stream
from remote_agents.types import Info, Reply, Turn
from remote_agents.wire.json import number
from remote_agents.wire.openai import decode_chat, encode_messages


def turn(asked: Turn) -> Flow[Reply]:
    """One turn: a single post, continued by `conversationId`."""
    body = {
        "messages": encode_messages(asked.messages),
        "stream": asked.stream,
        **asked.parameters,
    }
    if asked.conversation_id:
        body["conversationId"] = asked.conversation_id
    path = f"/api/v1/agents/{quote(asked.agent_id, safe='')}/chat/completions"
    reply: Reply = yield Stream(Request("POST", path, json=body, stream=asked.stream), decode_chat)
    return reply


def told_in_headers(headers: Mapping[str, str]) -> Info:
    """What it tells of an answer beside it: the conversation, and what the answer cost."""
    return Info(
        conversation_id=headers.get("x-conversation-id") or None,
        credits_consumed=_credits(headers.get("x-credits-consumed")),
        credits_remaining=_credits(headers.get("x-credits-remaining")),
    )


def _credits(value: str | None) -> float | None:
    amount = number(value)
    return int(amount) if amount is not None and amount == int(amount) else amount
