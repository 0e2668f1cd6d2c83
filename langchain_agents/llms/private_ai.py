"""A VMware Private AI Service agent as a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._llm import AgentLLM
from remote_agents.services.private_ai import PrivateAISettings

if TYPE_CHECKING:
    import remote_agents as clients


class PrivateAILLM(PrivateAISettings, AgentLLM):
    """A VMware Private AI Service agent as a text model.

    Takes the arguments of `ChatPrivateAI`.

    Example:
        >>> PrivateAILLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.PrivateAI:
            """The plain client of the same agent, for the rest of the service's API."""
