"""The plain client of Tencent CloudBase agents, OpenAI protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.services.cloudbase import resources
from remote_agents.services.cloudbase_openai import CloudBaseOpenAICall, CloudBaseOpenAISettings
from remote_agents.types import Event, Reply


class CloudBaseOpenAI(CloudBaseOpenAISettings, Client):
    """A Tencent CloudBase agent, OpenAI protocol; see `docs/services/cloudbase_openai.md`."""

    agents = ResourceAttribute(resources.Agents)
    feedback = ResourceAttribute(resources.Feedbacks)

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[CloudBaseOpenAICall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[CloudBaseOpenAICall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[CloudBaseOpenAICall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[CloudBaseOpenAICall]
        ) -> AsyncGenerator[Event, None]: ...
