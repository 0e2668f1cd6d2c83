"""Tencent CloudBase agents, native protocol.

Implements "Start Agent conversation", POST /v1/aibot/bots/{botId}/send-message, which always
streams, in two dialects on the same URL: the classic one (`msg`, `history`) and AG-UI (`messages`,
`threadId`) of newer agents. What the request looks like goes by `dialect`; answers are decoded by
what they contain. The chat reply never carries the conversation id in the classic dialect: a
conversation is created first, by POST /v1/aibot/bots/{botId}/conversation.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from remote_agents.errors import (
    AgentStatusError,
    ConfigurationError,
    RemoteFailureError,
    UnsupportedContentError,
)
from remote_agents.flow import Call, Flow, Request, Stream
from remote_agents.service import Endpoint
from remote_agents.types import (
    Citation,
    Event,
    Info,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from remote_agents.wire.ag_ui import decode_ag_ui, is_ag_ui, parse_arguments
from remote_agents.wire.json import identifier, items, mapping, number, required_id, text
from remote_agents.wire.openai import decode_chat, decode_usage

HOSTS = {"cn": "api.tcloudbasegateway.com", "intl": "api.intl.tcloudbasegateway.com"}


def turn(asked: Turn) -> Flow[Reply]:
    """One turn; a conversation that is to be kept is created first in the classic dialect."""
    path = f"/v1/aibot/bots/{quote(asked.agent_id, safe='')}"
    conversation_id = asked.conversation_id
    if is_ag_ui_agent(asked.agent_id, asked.options):
        conversation_id = conversation_id or str(uuid.uuid4())
        body = _ag_ui_body(asked, conversation_id)
    else:
        if conversation_id is None and asked.keep:
            conversation_id = yield from _create_conversation(path)
        body = _classic_body(asked, conversation_id)
    request = Request("POST", f"{path}/send-message", json=body, stream=True)
    reply: Reply = yield Stream(request, decode, conversation_id)
    return reply


def _create_conversation(path: str) -> Flow[str | None]:
    """Create a conversation; None where the agent keeps none, and the history is sent instead."""
    try:
        answer = yield Call(Request("POST", f"{path}/conversation", json={}, safe=True))
    except (AgentStatusError, RemoteFailureError) as error:
        if _keeps_none(error):
            return None
        raise
    return required_id(mapping(answer.data).get("conversationId"), "a new conversation")


def _keeps_none(error: AgentStatusError | RemoteFailureError) -> bool:
    """Multi-conversation is off for this agent (or the plan has none)."""
    status = error.status_code if isinstance(error, AgentStatusError) else 400
    said = f"{error.code} {error}".upper()
    refused = status in (400, 403, 404, 405, 409, 422, 501)
    return refused and any(word in said for word in ("MULTI", "CONVERSATION", "NOT_SUPPORT"))


def _classic_body(asked: Turn, conversation_id: str | None) -> dict[str, Any]:
    *earlier, last = asked.messages
    body: dict[str, Any] = {"msg": last.content}
    if earlier:
        body["history"] = [{"role": m.role, "content": m.content} for m in earlier]
    if "search_enable" in asked.options:
        body["searchEnable"] = asked.options["search_enable"]
    if files := _files(asked):
        body["files"] = files
    if conversation_id:
        body["conversationId"] = conversation_id
    return body


def _ag_ui_body(asked: Turn, thread_id: str) -> dict[str, Any]:
    return {
        "threadId": thread_id,
        "runId": str(uuid.uuid4()),
        "messages": [
            {"id": f"msg-{n}", "role": m.role, "content": m.content}
            for n, m in enumerate(asked.messages, 1)
        ],
        "tools": [],
        "context": [],
        "state": {},
        "forwardedProps": {},
        **({"files": files} if (files := _files(asked)) else {}),
    }


def _files(asked: Turn) -> list[str]:
    links = list(asked.options.get("files") or ())
    for message in asked.messages:
        for attachment in message.attachments:
            link = attachment.url or attachment.file_id
            if not link:
                raise UnsupportedContentError(
                    f"CloudBase takes files as cloud:// ids or https links, not as bytes "
                    f"({attachment.kind} block): upload it to Cloud Storage first and pass its "
                    "link."
                )
            links.append(link)
    return links


def decode(data: Any, so_far: Reply) -> list[Event]:
    """One frame into events, in whichever dialect it is.

    Raises:
        RemoteFailureError: On an error frame.
    """
    if is_ag_ui(data):
        return decode_ag_ui(data, so_far)
    if not isinstance(data, dict):
        return [Unknown(data)]
    if "choices" in data:
        return decode_chat(data, so_far)
    events = _decode_kind(data, so_far)
    if data.get("usage"):
        events.append(decode_usage(mapping(data["usage"])))
    info = _info(data, so_far)
    if info is not None:
        events.append(info)
    return events


def _decode_kind(data: dict[str, Any], so_far: Reply) -> list[Event]:
    kind = data.get("type")
    if kind is None or kind in ("text", "assistant"):
        return _answer(data, so_far)
    decode_frame = _DECODERS.get(kind) if isinstance(kind, str) else None
    if decode_frame is None:
        # Some frames carry a whole file's text in `content`: only answer frames are answer text.
        return [Unknown(data)]
    return decode_frame(data, so_far)


def _answer(data: dict[str, Any], so_far: Reply) -> list[Event]:
    """A text frame; the hosted service puts reasoning and sources on the same frames."""
    events: list[Event] = []
    reasoning = data.get("reasoning_content")
    if reasoning and isinstance(reasoning, str):
        events.append(ReasoningDelta(reasoning))
    content = data.get("content")
    if content and isinstance(content, str):
        events.append(TextDelta(content))
    if data.get("search_info"):
        events.extend(_new_steps(_searched(data, so_far), so_far))
    if data.get("knowledge_base"):
        events.extend(_new_steps(_knowledge(data, so_far), so_far))
    return events


def _new_steps(events: list[Event], so_far: Reply) -> list[Event]:
    """Nothing, if the same step was told on an earlier frame: the service repeats them."""
    known = {step.id for step in so_far.steps if isinstance(step, (ToolCall, ToolResult))}
    return [e for e in events if not isinstance(e, (ToolCall, ToolResult)) or e.id not in known]


def _thinking(data: dict[str, Any], so_far: Reply) -> list[Event]:
    thought = text(data.get("reasoning_content")) or text(data.get("content"))
    return [ReasoningDelta(thought)] if thought else []


def _searched(data: dict[str, Any], so_far: Reply) -> list[Event]:
    found = [mapping(r) for r in items(mapping(data.get("search_info")).get("search_results"))]
    if not found:
        return []
    citations: list[Event] = [
        Citation(
            title=text(result.get("title")) or None,
            url=text(result.get("url")) or None,
            text=text(result.get("content")) or text(result.get("snippet")) or None,
            marker=identifier(result.get("index")),
        )
        for result in found
    ]
    return [*_step("search", "web_search", found), *citations]


def _knowledge(data: dict[str, Any], so_far: Reply) -> list[Event]:
    names = data.get("knowledge_base")
    names = [name for name in names if text(name)] if isinstance(names, list) else []
    metas = [mapping(meta) for meta in items(data.get("knowledge_meta"))]
    if not names:
        return []
    found = [
        {"title": name, **(metas[n] if n < len(metas) else {})} for n, name in enumerate(names)
    ]
    citations: list[Event] = [
        Citation(
            title=text(hit.get("fileName")) or text(hit.get("title")) or None,
            url=text(hit.get("url")) or text(hit.get("fileUrl")) or None,
            text=text(hit.get("text")) or text(hit.get("content")) or None,
            id=identifier(hit.get("fileId") or hit.get("id")),
            score=number(hit.get("score")),
            extra={"knowledge_base": name},
        )
        for name, hit in zip(names, found, strict=True)
    ]
    return [*_step("knowledge", "knowledge_base_search", found), *citations]


def _database(data: dict[str, Any], so_far: Reply) -> list[Event]:
    return _step("db", "database_search", data.get("search_results"))


def _step(kind: str, name: str, output: Any) -> list[Event]:
    return [ToolCall(kind, name), ToolResult(kind, output)]


def _called(data: dict[str, Any], so_far: Reply) -> list[Event]:
    call = mapping(data.get("tool_call"))
    function = mapping(call.get("function"))
    # `arguments` is an object here, not JSON text.
    return [
        ToolCall(
            identifier(call.get("id")) or "call",
            text(function.get("name")) or "tool",
            parse_arguments(function.get("arguments")),
        )
    ]


def _result(data: dict[str, Any], so_far: Reply) -> list[Event]:
    call_id = identifier(data.get("toolCallId")) or "call"
    result = ToolResult(call_id, data.get("result"))
    if any(isinstance(step, ToolCall) and step.id == call_id for step in so_far.steps):
        return [result]
    name = text(data.get("toolName")) or "tool"
    return [ToolCall(call_id, name, parse_arguments(data.get("args"))), result]


def _failed(data: dict[str, Any], so_far: Reply) -> list[Event]:
    error = mapping(data.get("error"))
    said = error.get("message") or data.get("content") or data.get("error")
    raise RemoteFailureError(
        said if isinstance(said, str) else f"The agent failed: {said}",
        code=identifier(error.get("code")) or identifier(error.get("name")),
        body=data,
    )


def _nothing(data: dict[str, Any], so_far: Reply) -> list[Event]:
    return []


_DECODERS: dict[str, Callable[[dict[str, Any], Reply], list[Event]]] = {
    "thinking": _thinking,
    "search": _searched,
    "knowledge": _knowledge,
    "db": _database,
    "tool-call": _called,
    "tool-result": _result,
    "step-finish": _nothing,
    "finish": _nothing,
    "error": _failed,
}


def _info(data: dict[str, Any], so_far: Reply) -> Info | None:
    info = Info()
    if (record := identifier(data.get("record_id"))) != so_far.reply_id:
        info.reply_id = record
    if (model := identifier(data.get("model"))) != so_far.model:
        info.model = model
    _read_finish(data, so_far, info)
    return None if info == _NO_INFO else info


_NO_INFO = Info()


def _read_finish(data: dict[str, Any], so_far: Reply, info: Info) -> None:
    reason = data.get("finish_reason")
    kind = data.get("type")
    if reason == "error":
        _failed(data, so_far)
    if kind == "finish":
        info.finish_reason = reason if isinstance(reason, str) and reason != "continue" else "stop"
    elif reason in ("continue", None) or not isinstance(reason, str):
        if "finish_reason" in data and not so_far.more_expected:
            info.more_expected = True
    elif kind not in ("step-finish", "tool-call", "tool-result") and reason != "tool-calls":
        info.finish_reason = reason


def is_ag_ui_agent(agent_id: str, options: Mapping[str, Any]) -> bool:
    """Whether requests to this agent are written in the AG-UI dialect."""
    dialect = options.get("dialect") or "auto"
    if dialect not in ("auto", "classic", "ag-ui"):
        raise ConfigurationError(f"dialect must be auto, classic or ag-ui, not {dialect!r}.")
    return dialect == "ag-ui" or (
        dialect == "auto" and agent_id.lower().startswith(("agt-", "agent-"))
    )


def for_agent(endpoint: Endpoint, agent_id: str, options: Mapping[str, Any]) -> Endpoint:
    """AG-UI takes every role, and names the thread by itself; the classic dialect does not."""
    if not is_ag_ui_agent(agent_id, options):
        return endpoint
    return replace(
        endpoint,
        roles=frozenset({"system", "user", "assistant"}),
        keeps="handed",
        one_message=False,
    )


def server_url(options: Mapping[str, Any]) -> str | None:
    """The gateway of an environment, by its id and region."""
    region = options.get("region") or "cn"
    if region not in HOSTS:
        raise ConfigurationError(f"region must be one of {', '.join(HOSTS)}, not {region!r}.")
    env_id = options.get("env_id")
    return f"https://{quote(str(env_id), safe='')}.{HOSTS[region]}" if env_id else None


ENDPOINT = Endpoint(
    name="cloudbase",
    title="Tencent CloudBase",
    document="Start Agent conversation (docs.cloudbase.net)",
    env="CLOUDBASE",
    turn=turn,
    decode=decode,
    keeps="created",
    one_message=True,
    roles=frozenset({"user", "assistant"}),
    parameters=("search_enable", "files"),
    options=("env_id", "region", "dialect"),
    attachments=frozenset({"image", "audio", "video", "file"}),
    eof_ends=True,
    reasons=True,
    cites=True,
    server_url=server_url,
    for_agent=for_agent,
)
