"""Prompts in short: `prompt("sys: be brief", "hi", "re: hello", "and now?")`."""

from collections.abc import Sequence

from remote_agents import ENDPOINTS, Message
from remote_agents.service import Endpoint
from remote_agents.types import Role

ROLES: dict[str, Role] = {"sys": "system", "re": "assistant", "tool": "tool", "u": "user"}
SHORT = {"system": "sys: ", "assistant": "re: ", "tool": "tool: ", "user": ""}
FACTS: dict[str, Endpoint] = {
    **ENDPOINTS,
    "cloudbase_ag_ui": ENDPOINTS["cloudbase"].for_agent(ENDPOINTS["cloudbase"], "agent-x", {}),
}


def prompt(*lines: str) -> list[Message]:
    """Messages of the roles that stand before a colon; others are the user's."""
    return [_message(line) for line in lines]


def _message(line: str) -> Message:
    kind, colon, rest = line.partition(": ")
    role, content = (ROLES[kind], rest) if colon and kind in ROLES else ("user", line)
    return Message(role, content)


def short(messages: Sequence[Message]) -> list[str]:
    """Messages as `prompt` writes them."""
    return [SHORT[m.role] + m.content for m in messages]
