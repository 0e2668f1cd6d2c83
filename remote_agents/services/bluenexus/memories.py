"""What a BlueNexus agent remembers, and the search in it, which asks no model."""

from __future__ import annotations

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Call, Flow, Request
from remote_agents.resources import items
from remote_agents.resources.cursors import with_query
from remote_agents.resources.methods import HasAgent, Resource, calls, lists
from remote_agents.resources.paging import pages
from remote_agents.resources.requests import passages, path_segment
from remote_agents.resources.searching import read_most
from remote_agents.services.bluenexus.resources import NUMBERED, ROOT
from remote_agents.types import Citation
from remote_agents.wire.json import mapping


class Memory(items.Item):
    """Something that an agent remembers."""

    id = items.text_field("memory_id")
    content = items.text_field("memory", "text")
    title = items.text_field("name", "source")
    score = items.number_field("similarity", "relevance")
    created_at = items.time_field("timestamp")
    updated_at = items.time_field()


class Memories(Resource):
    """What the client's agent remembers, over all conversations."""

    def _path(self, rest: str = "") -> str:
        return f"{ROOT}{path_segment(self.agent.agent_id)}/memories{rest}"

    def _list(self, *, page_size: int | None = None, cursor: str | None = None) -> Flow[Memory]:
        """The memories, lazily.

        Args:
            page_size: Memories on a page, at most 100.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(self.agent, self._path(), NUMBERED, Memory, page_size=page_size, cursor=cursor)

    def _search(self, query: str, *, top_k: int | None = None) -> Flow[list[Citation]]:
        """The memories for a query, the best first.

        Args:
            query: What to look for.
            top_k: The most memories; the service itself takes no limit.
        """
        most = None if top_k is None else read_most("top_k", top_k)
        path = with_query(self._path("/search"), {"query": query})
        answer = yield Call(Request("GET", path, safe=True))
        return passages(answer.data, _remembered, "data", "memories", "results")[:most]

    list, alist = lists(_list)
    search, asearch = calls(_search)


class Searching:
    """What makes `client.search` of this service."""

    def _search(
        self: HasAgent, query: str, knowledge_base: str | None, top_k: int, **options: object
    ) -> Flow[list[Citation]]:
        if knowledge_base is not None:
            raise ConfigurationError(
                "BlueNexus searches what the agent remembers and has no knowledge bases to "
                "choose from: leave knowledge_base out.",
                endpoint=self.agent.endpoint.name,
            )
        return Memories(self.agent)._search(query, top_k=top_k, **options)


def _remembered(hit: object) -> Citation:
    # The shape of a hit is not documented: the memory may stand in an object of its own.
    inner = hit.get("memory") if isinstance(hit, dict) else None
    memory = Memory({**mapping(hit), **inner} if isinstance(inner, dict) else hit)
    return Citation(
        title=memory.title or None,
        text=memory.content or None,
        id=memory.id or None,
        score=memory.score,
    )
