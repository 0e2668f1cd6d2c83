"""Tencent CloudBase agents, native protocol.

Implements "Start Agent conversation", POST /v1/aibot/bots/{botId}/send-message, which always
streams, in two dialects on the same URL: the classic one (`msg`, `history`) and AG-UI (`messages`,
`threadId`) of newer agents. What the request looks like goes by `dialect`; answers are decoded by
what they contain. The chat reply never carries the conversation id in the classic dialect: a
conversation is created first, by POST /v1/aibot/bots/{botId}/conversation.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from remote_agents.errors import (
    AgentStatusError,
    ConfigurationError,
    QuotaExceededError,
    RateLimitError,
    RemoteFailureError,
)
from remote_agents.flow import Call, Decode, Flow, Request, Stream
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.service import Endpoint
from remote_agents.services.cloudbase.frames import decode as decode
from remote_agents.services.cloudbase.pairs import in_pairs
from remote_agents.services.cloudbase.recall import recalled, turns_of, with_known
from remote_agents.services.cloudbase.suggestions import suggesting
from remote_agents.services.cloudbase.uploads import links_of
from remote_agents.types import Reply, Turn
from remote_agents.wire.ag_ui import run_input, sent_in
from remote_agents.wire.json import identifier, mapping, required_id

HOSTS = {"cn": "api.tcloudbasegateway.com", "intl": "api.intl.tcloudbasegateway.com"}


def turn(asked: Turn) -> Flow[Reply]:
    """One turn; files are uploaded, and a classic conversation is created or read back, first."""
    path = f"/v1/aibot/bots/{quote(asked.agent_id, safe='')}"
    files = yield from links_of(asked)
    conversation_id = asked.conversation_id
    reads: Decode = decode
    if is_ag_ui_agent(asked.agent_id, asked.options):
        conversation_id = conversation_id or str(uuid.uuid4())
        body = run_input(asked, conversation_id, forwarded=_options(asked, files))
        reads = partial(decode, sent=sent_in(body, asked))
    else:
        turns = turns_of(asked.options)
        known = {message.role for message in asked.history}  # one that broke off has no answer
        if conversation_id is None and asked.keep:
            conversation_id = yield from _create_conversation(path)
        elif conversation_id and turns and (asked.moved_on or "assistant" not in known):
            history = yield from recalled(path, conversation_id, turns)
            asked = replace(asked, history=with_known(history, asked.history))
        body = _classic_body(asked, conversation_id, files)
    request = Request("POST", f"{path}/send-message", json=body, stream=True)
    reply: Reply = yield Stream(request, reads, conversation_id, suggesting(path, asked))
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


def refuses(body: object) -> bool:
    """Whether a body is the gateway's `{code, message, requestId}` about the request itself."""
    return (
        isinstance(body, dict)
        and body.keys() <= _REFUSAL_KEYS
        and identifier(body.get("code")) in _REFUSAL_CODES
    )


# By docs.cloudbase.net/en/error-code/basic and .../semantic-http-status. Of EXCEED_REQUEST_LIMIT,
# the plan's number of calls, they say "Wait for the next billing cycle".
ERROR_CODES: Mapping[str, type[AgentStatusError]] = {
    "EXCEED_TOKEN_QUOTA_LIMIT": QuotaExceededError,
    "SERVICE_CHARGE_OVERDUE": QuotaExceededError,
    "EXCEED_REQUEST_LIMIT": QuotaExceededError,
    "ENV_SUSPENDED": QuotaExceededError,
    "ENV_ISOLATED": QuotaExceededError,
    "EXCEED_RATELIMIT": RateLimitError,
    "EXCEED_CONCURRENT_REQUEST_LIMIT": RateLimitError,
}
_REFUSAL_KEYS = frozenset({"code", "message", "requestId"})
_REFUSAL_CODES = ERROR_CODES.keys() - {"SERVICE_CHARGE_OVERDUE"}


def _keeps_none(error: AgentStatusError | RemoteFailureError) -> bool:
    """Multi-conversation is off for this agent, or its plan or its server has none.

    Of an agent or a key that is refused itself, the turn tells.
    """
    status = error.status_code if isinstance(error, AgentStatusError) else 400
    said = f"{error.code} {error}".upper()
    off = any(word in said for word in ("MULTI", "CONVERSATION", "NOT_SUPPORT"))
    return status in (403, 404, 405, 501) or (off and status in (400, 409, 422))


def _classic_body(asked: Turn, conversation_id: str | None, files: list[str]) -> JsonObject:
    history, message = in_pairs([*asked.history, *asked.messages])
    body: JsonObject = {"msg": message}
    if history:
        body["history"] = history
    if conversation_id:
        body["conversationId"] = conversation_id
    return {**body, **_options(asked, files)}


def _options(asked: Turn, files: list[str]) -> Arguments:
    """What both dialects call by the same names: in the body, or in AG-UI's `forwardedProps`."""
    options: Arguments = {}
    if "search_enable" in asked.options:
        options["searchEnable"] = asked.options["search_enable"]
    if files:
        options["files"] = files
    return options


def is_ag_ui_agent(agent_id: str, options: Mapping[str, Any]) -> bool:
    """Whether requests to this agent are written in the AG-UI dialect."""
    dialect = options.get("dialect") or "auto"
    if dialect not in ("auto", "classic", "ag-ui"):
        raise ConfigurationError(f"dialect must be auto, classic or ag-ui, not {dialect!r}.")
    return dialect == "ag-ui" or (
        dialect == "auto" and agent_id.lower().startswith(("agt-", "agent-"))
    )


def for_agent(endpoint: Endpoint, agent_id: str, options: Mapping[str, Any]) -> Endpoint:
    """AG-UI knows tools, names the thread by itself, and wants all messages at hand each time.

    Tencent's servers speak the AG-UI before 1.0, which has no usage, and none names its sources.
    """
    turns_of(options)
    if not is_ag_ui_agent(agent_id, options):
        return endpoint
    return replace(
        endpoint,
        roles=frozenset({"user", "assistant", "tool"}),
        keeps="handed",
        one_message=False,
        context=True,
        tools=True,
        call_only=("state", "suggest"),
        cites=False,
        counts=False,
    )


def server_url(options: Mapping[str, Any]) -> str | None:
    """The gateway of an environment, by its id and region."""
    region = options.get("region") or "cn"
    if region not in HOSTS:
        raise ConfigurationError(f"region must be one of {', '.join(HOSTS)}, not {region!r}.")
    env_id = options.get("env_id")
    return f"https://{quote(str(env_id), safe='')}.{HOSTS[region]}" if env_id else None
