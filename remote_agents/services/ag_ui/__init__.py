"""Any agent that speaks AG-UI: the facts, and the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from remote_agents.service import Endpoint
from remote_agents.services.ag_ui.chat import decode, turn
from remote_agents.settings import CallArguments, Settings
from remote_agents.wire.ag_ui import TEXTLESS

ENDPOINT = Endpoint(
    name="ag_ui",
    title="AG-UI",
    document="AG-UI events and RunAgentInput (docs.ag-ui.com)",
    env="AG_UI",
    turn=turn,
    decode=decode,
    default_agent_id="agent",
    agent_in_address=True,
    key_optional=True,
    keeps="handed",
    context=True,
    roles=frozenset({"system", "user", "assistant", "tool"}),
    tools=True,
    call_only=("state",),
    attachments=frozenset({"image", "audio", "video", "file"}),
    uploads=True,
    always_streams=True,
    textless=TEXTLESS,
    reasons=True,
    conversation_word="thread",
    client="remote_agents.services.ag_ui.client",
)


class AGUISettings(Settings):
    """What a constructor takes for an AG-UI agent, beside what all take.

    `base_url` is the whole address of the agent; a key is optional.
    """

    endpoint: ClassVar[Endpoint] = ENDPOINT


class AGUICall(CallArguments, total=False):
    """What one call may say to an AG-UI agent."""

    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | None
    state: Any
