"""A BlueNexus agent as a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._llm import AgentLLM
from remote_agents.services.bluenexus import BlueNexusSettings

if TYPE_CHECKING:
    import remote_agents as clients


class BlueNexusLLM(BlueNexusSettings, AgentLLM):
    """A BlueNexus agent as a text model.

    Takes the arguments of `ChatBlueNexus`.

    Example:
        >>> BlueNexusLLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.BlueNexus:
            """The plain client of the same agent, for the rest of the service's API."""
