"""The plain client of VMware Private AI Service agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.services.private_ai import PrivateAICall, PrivateAISettings, resources
from remote_agents.services.private_ai.knowledge import Indexes, KnowledgeBases, Searching
from remote_agents.types import Event, Reply


class PrivateAI(PrivateAISettings, Searching, Client):
    """A VMware Private AI Service agent; see `docs/services/private_ai.md`."""

    agents = ResourceAttribute(resources.Agents)
    indexes = ResourceAttribute(Indexes)
    knowledge_bases = ResourceAttribute(KnowledgeBases)
    models = ResourceAttribute(resources.Models)

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[PrivateAICall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[PrivateAICall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[PrivateAICall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[PrivateAICall]
        ) -> AsyncGenerator[Event, None]: ...
