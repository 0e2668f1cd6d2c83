"""The plain client of Tencent CloudBase agents, native protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.services.cloudbase import CloudBaseCall, CloudBaseSettings, resources
from remote_agents.types import Event, Reply


class CloudBase(CloudBaseSettings, Client, resources.Questions):
    """A Tencent CloudBase agent, native protocol; see `docs/services/cloudbase.md`."""

    agents = ResourceAttribute(resources.Agents)
    conversations = ResourceAttribute(resources.Conversations)
    feedback = ResourceAttribute(resources.Feedbacks)
    messages = ResourceAttribute(resources.Messages)
    records = ResourceAttribute(resources.Records)

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[CloudBaseCall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[CloudBaseCall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[CloudBaseCall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[CloudBaseCall]
        ) -> AsyncGenerator[Event, None]: ...
