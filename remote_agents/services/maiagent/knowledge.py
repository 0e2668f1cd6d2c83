"""MaiAgent's knowledge bases, and their search, which asks no model."""

from __future__ import annotations

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Call, Flow, Request
from remote_agents.resources.knowledge import ListedKnowledgeBases
from remote_agents.resources.methods import HasAgent, calls
from remote_agents.resources.paging import Paging
from remote_agents.resources.requests import passages
from remote_agents.resources.searching import read_most
from remote_agents.types import Citation
from remote_agents.wire.json import identifier, mapping, number, text


class KnowledgeBases(ListedKnowledgeBases):
    """The account's knowledge bases."""

    root, slash = "/api/knowledge-bases", "/"
    paging = Paging("pageSize", (("page", "number"),))

    def _search(
        self, knowledge_base_id: str, query: str, *, top_k: int | None = None
    ) -> Flow[list[Citation]]:
        """The passages of a knowledge base for a query, the best first.

        Args:
            knowledge_base_id: The knowledge base.
            query: What to look for.
            top_k: The most passages; the service itself takes no limit.
        """
        most = None if top_k is None else read_most("top_k", top_k)
        path = self.path_of(knowledge_base_id, "search")
        answer = yield Call(Request("POST", path, json={"query": query}, safe=True))
        return passages(answer.data, _passage, "results")[:most]

    search, asearch = calls(_search)


class Searching:
    """What makes `client.search` of this service."""

    def _search(
        self: HasAgent, query: str, knowledge_base: str | None, top_k: int, **options: object
    ) -> Flow[list[Citation]]:
        if not knowledge_base:
            raise ConfigurationError(
                "MaiAgent searches one knowledge base: pass knowledge_base, an id that "
                "knowledge_bases.list() gives.",
                endpoint=self.agent.endpoint.name,
            )
        return KnowledgeBases(self.agent)._search(knowledge_base, query, top_k=top_k, **options)


def _passage(hit: object) -> Citation:
    """A hit, in the snake_case that this operation answers in, or in camelCase."""
    known = mapping(hit)
    file = mapping(known.get("chatbot_file") or known.get("chatbotFile"))
    page = known.get("page_number", known.get("pageNumber"))
    return Citation(
        title=text(file.get("filename")) or None,
        url=text(file.get("file")) or None,
        text=text(known.get("text")) or None,
        id=identifier(known.get("id")) or identifier(file.get("id")),
        score=number(known.get("score")),
        extra={} if page is None else {"page_number": page},
    )
