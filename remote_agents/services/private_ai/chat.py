"""VMware Private AI Service agents.

Implements "Create Assistant Chat Completion", POST /api/v1/compatibility/openai/v1/assistants/
{agent_id}/chat/completions, and its twin under `agents` (`route`). A conversation is asked for with
`create_session` and continued with `store_in_session`; sources come as `index_context_info`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from remote_agents.errors import BadRequestError, ConfigurationError
from remote_agents.flow import Flow, Request, Stream
from remote_agents.json_types import JsonObject
from remote_agents.types import Citation, Event, Info, Message, Reply, Turn
from remote_agents.wire.json import identifier, items, mapping, number, text
from remote_agents.wire.openai import decode_chat, encode_messages

ROOT = "/api/v1/compatibility/openai/v1"
ROUTES = ("assistants", "agents")


def turn(asked: Turn) -> Flow[Reply]:
    """One turn, which may be at the other route; a refused system message is folded."""
    route = asked.options.get("route") or "assistants"
    if route not in ROUTES:
        raise ConfigurationError(f"route must be one of {', '.join(ROUTES)}, not {route!r}.")
    try:
        reply: Reply = yield Stream(_request(asked, route, asked.messages), decode)
    except BadRequestError as error:
        folded = fold_system(asked.messages)
        if folded == asked.messages or not _refuses_system(error):
            raise
        reply = yield Stream(_request(asked, route, folded), decode)
    return reply


def _request(asked: Turn, route: str, messages: Sequence[Message]) -> Request:
    body: JsonObject = {"messages": encode_messages(messages), "stream": asked.stream}
    if asked.conversation_id:
        body["store_in_session"] = asked.conversation_id
    elif asked.keep:
        body["create_session"] = True
    body.update(asked.parameters)
    path, other = (
        f"{ROOT}/{each}/{quote(asked.agent_id, safe='')}/chat/completions"
        for each in sorted(ROUTES, key=lambda each: each != route)
    )
    return Request("POST", path, json=body, stream=asked.stream, other_path=other)


def decode(data: object, so_far: Reply) -> list[Event]:
    """One frame or whole answer; the session id and the sources may be in any of them."""
    events = decode_chat(data, so_far) if _is_chunk(data) else []
    if isinstance(data, dict):
        if session_id := identifier(data.get("session_id")):
            events.append(Info(conversation_id=session_id))
        if data.get("index_context_info"):
            events.extend(citation(source) for source in items(data["index_context_info"]))
        if data.get("references"):
            events.extend(citation(source) for source in items(data["references"]))
    return events


def _is_chunk(data: object) -> bool:
    """Whether there is more in a frame than sources, which may come by themselves."""
    return not isinstance(data, dict) or "choices" in data or not (SOURCES & data.keys())


SOURCES = frozenset({"index_context_info", "references"})


def citation(source: object) -> Citation:
    """A source as the service describes it: a text, and metadata on where it is from."""
    known = mapping(source)
    about = mapping(known.get("metadata"))
    return Citation(
        title=text(about.get("origin_name")) or None,
        url=text(about.get("origin_ref")) or None,
        text=text(known.get("text")) or None,
        id=identifier(about.get("document_id")),
        score=number(about.get("score")),
        extra={k: v for k, v in about.items() if k not in _ORIGIN},
    )


_ORIGIN = frozenset({"origin_name", "origin_ref", "document_id", "score"})


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """The messages with each system message put in front of the user message that follows it."""
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif message.role == "user" and waiting:
            text = "\n\n".join([*waiting, message.content])
            folded.append(Message("user", text, message.attachments))
            waiting = []
        else:
            folded.append(message)
    if waiting:
        folded.append(Message("user", "\n\n".join(waiting)))
    return folded


def _refuses_system(error: BadRequestError) -> bool:
    return not error.begun and _NAMES_ROLE.search(f"{error.body}".lower()) is not None


_NAMES_ROLE = re.compile(r"\b(?:disallowed_)?role\b|\bsystem (?:message|prompt|role)")
