"""BlueNexus agents: the facts, and the arguments."""

from __future__ import annotations

from typing import ClassVar

from remote_agents.service import Endpoint
from remote_agents.services.bluenexus.chat import told_in_headers, turn
from remote_agents.settings import CallArguments, Settings
from remote_agents.wire.openai import decode_chat

ENDPOINT = Endpoint(
    name="bluenexus",
    title="BlueNexus",
    document="Agent Chat Completions (docs.bluenexus.ai)",
    env="BLUENEXUS",
    turn=turn,
    decode=decode_chat,
    base_url="https://api.bluenexus.ai",
    default_agent_id="default",
    searches="memories",
    keeps="handed",
    counts_streams=False,  # the document defines `usage` for whole answers only
    parameters=("temperature", "max_tokens"),
    throttle_wait=4.0,  # its window is a minute, and it names no time to come back
    client="remote_agents.services.bluenexus.client",
    told_in_headers=told_in_headers,
)


class BlueNexusSettings(Settings):
    """What a constructor takes for BlueNexus, beside what all take."""

    endpoint: ClassVar[Endpoint] = ENDPOINT


class BlueNexusCall(CallArguments, total=False):
    """What one call may say to BlueNexus."""
