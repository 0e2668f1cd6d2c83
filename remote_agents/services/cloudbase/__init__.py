"""Tencent CloudBase agents, native protocol: the facts, and the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import StrictBool, StrictInt, StrictStr

from remote_agents.service import Endpoint
from remote_agents.services.cloudbase.chat import (
    ERROR_CODES,
    decode,
    for_agent,
    refuses,
    server_url,
    turn,
)
from remote_agents.services.cloudbase.frames import TEXTLESS
from remote_agents.settings import CallArguments, Settings

ENDPOINT = Endpoint(
    name="cloudbase",
    title="Tencent CloudBase",
    document="Start Agent conversation (docs.cloudbase.net)",
    env="CLOUDBASE",
    turn=turn,
    decode=decode,
    keeps="created",
    one_message=True,
    context=True,
    roles=frozenset({"user", "assistant"}),
    parameters=("search_enable", "files"),
    call_only=("suggest",),
    options=("env_id", "region", "dialect", "recall"),
    addressing=("env_id", "region", "dialect"),
    attachments=frozenset({"image", "audio", "video", "file"}),
    uploads=True,
    always_streams=True,
    textless=TEXTLESS,
    eof_ends=True,
    reasons=True,
    cites=True,
    server_url=server_url,
    for_agent=for_agent,
    error_codes=ERROR_CODES,
    refuses=refuses,
    throttle_wait=4.0,  # a place is free when another turn ends
    client="remote_agents.services.cloudbase.client",
    request_id_headers=("x-cloudbase-request-id",),
)


class CloudBaseSettings(Settings):
    """What a constructor takes for CloudBase, beside what all take."""

    endpoint: ClassVar[Endpoint] = ENDPOINT

    env_id: StrictStr | None = None
    """Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`."""
    region: Literal["cn", "intl"] | None = None
    """`cn` (default) or `intl`."""
    search_enable: StrictBool | None = None
    """Whether the agent may search the web."""
    files: list[StrictStr] | None = None
    """Links or `cloud://` ids that go with every turn."""
    dialect: Literal["auto", "classic", "ag-ui"] | None = None
    """What requests look like; `auto` (default) goes by the agent id."""
    recall: StrictInt | None = None
    """How many turns of a conversation a classic agent is told again where you have no history at
    hand (default 10; 0: none)."""


class CloudBaseCall(CallArguments, total=False):
    """What one call may say to CloudBase."""

    search_enable: bool | None
    files: list[str] | None
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | None
    state: Any
