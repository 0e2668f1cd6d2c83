"""Tencent CloudBase agents, OpenAI protocol: the facts, and the arguments."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import StrictStr

from remote_agents.service import Endpoint
from remote_agents.services.cloudbase.chat import ERROR_CODES, refuses, server_url
from remote_agents.services.cloudbase_openai.chat import decode, turn
from remote_agents.settings import CallArguments, Settings
from remote_agents.wire.ag_ui import TEXTLESS

ENDPOINT = Endpoint(
    name="cloudbase_openai",
    title="Tencent CloudBase (OpenAI protocol)",
    document="Start Agent conversation (OpenAI protocol) (docs.cloudbase.net)",
    env="CLOUDBASE",
    turn=turn,
    decode=decode,
    options=("env_id", "region", "route"),
    addressing=("env_id", "region"),
    server_url=server_url,
    error_codes=ERROR_CODES,
    refuses=refuses,
    throttle_wait=4.0,  # a place is free when another turn ends
    textless=TEXTLESS,  # AG-UI's events are read by their own decoder
    eof_ends=True,
    client="remote_agents.services.cloudbase_openai.client",
    request_id_headers=("x-cloudbase-request-id",),
)


class CloudBaseOpenAISettings(Settings):
    """What a constructor takes for CloudBaseOpenAI, beside what all take."""

    endpoint: ClassVar[Endpoint] = ENDPOINT

    env_id: StrictStr | None = None
    """Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`."""
    region: Literal["cn", "intl"] | None = None
    """`cn` (default) or `intl`."""
    route: Literal["gateway", "bots"] | None = None
    """`gateway` (default), or `bots` for an agent that is hosted by yourself, which answers at
    `/v1/aibot/bots/{agent_id}/chat/completions`."""


class CloudBaseOpenAICall(CallArguments, total=False):
    """What one call may say to CloudBaseOpenAI."""
