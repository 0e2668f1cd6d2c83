"""The plain client of BlueNexus agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.services.bluenexus import BlueNexusCall, BlueNexusSettings, resources
from remote_agents.services.bluenexus.memories import Memories, Searching
from remote_agents.types import Event, Reply


class BlueNexus(BlueNexusSettings, Searching, Client):
    """A BlueNexus agent; see `docs/services/bluenexus.md`."""

    agents = ResourceAttribute(resources.Agents)
    conversations = ResourceAttribute(resources.Conversations)
    memories = ResourceAttribute(Memories)
    messages = ResourceAttribute(resources.Messages)

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[BlueNexusCall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[BlueNexusCall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[BlueNexusCall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[BlueNexusCall]
        ) -> AsyncGenerator[Event, None]: ...
