"""Prompts in short: `prompt("sys: be brief", "hi", "re: hello @c1#2", "and now?")`."""

from collections.abc import Sequence

from remote_agents import ENDPOINTS, Message
from remote_agents.memory.plan import Plan, digest
from remote_agents.services import Endpoint
from remote_agents.types import Origin, Role

AGENT = "service:agent@host"
ROLES: dict[str, Role] = {"sys": "system", "re": "assistant", "tool": "tool", "u": "user"}
FACTS: dict[str, Endpoint] = {
    **ENDPOINTS,
    "ag_ui": ENDPOINTS["cloudbase"].for_agent(ENDPOINTS["cloudbase"], "agent-x", {}),  # type: ignore[misc]
}
REMEMBERING = tuple(name for name, facts in FACTS.items() if facts.keeps != "none")


def prompt(*lines: str, seen: Sequence[str] = ()) -> list[Message]:
    """Messages; `@c1#2` makes a reply the second of conversation c1, that has seen some texts."""
    return [_message(line, seen) for line in lines]


def _message(line: str, seen: Sequence[str]) -> Message:
    kind, colon, rest = line.partition(": ")
    role, content = (ROLES[kind], rest) if colon and kind in ROLES else ("user", line)
    content, at, place = content.partition(" @")
    if not at:
        return Message(role, content)
    conversation, _, turn = place.partition("#")
    owner, slash, conversation = conversation.rpartition("/")
    agent, bang, conversation = conversation.rpartition("!")
    return Message(
        role,
        content,
        origin=Origin(
            conversation,
            agent if bang else AGENT,
            f"{conversation}-{turn}",
            int(turn) if turn else None,
            tuple(digest(Message("system", text)) for text in seen),
            owner if slash else None,
        ),
    )


def sent(plan: Plan) -> list[str]:
    """What a plan sends, as `prompt` writes it."""
    short = {"system": "sys: ", "assistant": "re: ", "tool": "tool: ", "user": ""}
    return [short[m.role] + m.content for m in plan.messages]
