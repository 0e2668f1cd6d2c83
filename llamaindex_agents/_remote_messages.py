"""The messages that a service lists of a conversation, as LlamaIndex's."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from llamaindex_agents._convert import ROLES
from remote_agents.agent import Agent
from remote_agents.errors import AgentStatusError
from remote_agents.flow import Flow
from remote_agents.resources.passages import history_of
from remote_agents.types import Message

_ROLES = {role.value: role for role in ROLES}  # another word may be anybody's
NOT_LISTED = frozenset({404, 405, 501})


def remote_messages(
    client: Any, conversation_id: str, session_id: str
) -> Flow[list[ChatMessage] | None]:
    """The messages that a service lists of a session, which can be gone on from, as a flow.

    None where it lists none: the conversation is gone, or the agent runs on a server of one's own,
    which only answers.

    Args:
        client: A plain client that can list messages.
        conversation_id: The service's id.
        session_id: The session that goes on in it.
    """
    agent: Agent = client.agent
    try:
        listed = yield from history_of(client, conversation_id)
    except AgentStatusError as error:
        if error.status_code in NOT_LISTED:
            return None
        raise
    roles = [_ROLES.get(message.role, MessageRole.USER) for message in listed]
    said = [Message(ROLES[role], each.content) for role, each in zip(roles, listed, strict=True)]
    marks = yield from agent.marking(conversation_id, said, session_id)
    ours = {"agent": agent.name, "model_provider": agent.endpoint.name}
    return [
        ChatMessage(
            role=role,
            content=each.content,
            additional_kwargs={"conversation_id": conversation_id, "id": each.id}
            | ({**ours, "conversation": mark} if mark else {}),
        )
        for role, each, mark in zip(roles, listed, marks, strict=True)
    ]
