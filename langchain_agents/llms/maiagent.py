"""A MaiAgent chatbot as a text model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_agents._llm import AgentLLM
from remote_agents.services.maiagent import MaiAgentSettings

if TYPE_CHECKING:
    import remote_agents as clients


class MaiAgentLLM(MaiAgentSettings, AgentLLM):
    """A MaiAgent chatbot as a text model.

    Takes the arguments of `ChatMaiAgent`.

    Example:
        >>> MaiAgentLLM().invoke("How many vacation days do I get?")  # doctest: +SKIP
        'Full-time employees receive 25 vacation days per calendar year.'
    """

    if TYPE_CHECKING:

        @property
        def client(self) -> clients.MaiAgent:
            """The plain client of the same agent, for the rest of the service's API."""
