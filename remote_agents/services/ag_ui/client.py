"""The plain client of any agent that speaks AG-UI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from remote_agents.client import Client, Prompt
from remote_agents.services.ag_ui import AGUICall, AGUISettings
from remote_agents.types import Event, Reply


class AGUI(AGUISettings, Client):
    """An agent that speaks AG-UI, by its address; see `docs/services/ag_ui.md`."""

    if TYPE_CHECKING:  # the same methods, with the arguments of this service

        def ask(self, prompt: Prompt, **call: Unpack[AGUICall]) -> Reply: ...
        async def aask(self, prompt: Prompt, **call: Unpack[AGUICall]) -> Reply: ...
        def stream(
            self, prompt: Prompt, **call: Unpack[AGUICall]
        ) -> Generator[Event, None, None]: ...
        def astream(
            self, prompt: Prompt, **call: Unpack[AGUICall]
        ) -> AsyncGenerator[Event, None]: ...
