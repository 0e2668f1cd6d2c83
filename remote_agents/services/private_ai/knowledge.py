"""VMware Private AI Service's knowledge bases, and the search of their indexes without a model."""

from __future__ import annotations

from typing import Any

from remote_agents.errors import ConfigurationError, NotFoundError
from remote_agents.flow import Call, Flow, Request
from remote_agents.resources import items
from remote_agents.resources.emitted import collect_items
from remote_agents.resources.knowledge import ListedKnowledgeBases
from remote_agents.resources.methods import HasAgent, Resource, calls, lists
from remote_agents.resources.paging import pages
from remote_agents.resources.requests import passages
from remote_agents.resources.searching import read_most
from remote_agents.services.private_ai.chat import citation
from remote_agents.services.private_ai.resources import OFFSET
from remote_agents.types import Citation
from remote_agents.wire.json import mapping


class Index(items.Item):
    """An index of a knowledge base; one of its indexes is searched."""

    id = items.text_field()
    status = items.text_field("state")
    embeddings_model_endpoint = items.text_field()
    chunk_size = items.number_field()
    created_at = items.time_field()


class KnowledgeBases(ListedKnowledgeBases):
    """The service's knowledge bases."""

    root, paging = "/api/v1/control/knowledge-bases", OFFSET


class Indexes(Resource):
    """The indexes of knowledge bases."""

    def _list(
        self, knowledge_base_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Flow[Index]:
        """The indexes of a knowledge base, lazily.

        Args:
            knowledge_base_id: The knowledge base.
            page_size: Indexes on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        path = KnowledgeBases(self.agent).path_of(knowledge_base_id, "indexes")
        return pages(self.agent, path, OFFSET, Index, page_size=page_size, cursor=cursor)

    def _search(
        self,
        knowledge_base_id: str,
        index_id: str,
        text: str,
        *,
        top_k: int | None = None,
        similarity_cutoff: float | None = None,
    ) -> Flow[list[Citation]]:
        """The passages of an index for a text, the best first.

        Args:
            knowledge_base_id: The knowledge base.
            index_id: Its index.
            text: What to look for.
            top_k: The most passages (default 2).
            similarity_cutoff: Leave out passages with a lower score.
        """
        if top_k is not None:
            read_most("top_k", top_k)
        base = KnowledgeBases(self.agent)
        path = base.path_of(knowledge_base_id, "indexes", index_id, "search")
        body = {"text": text, "top_k": top_k, "similarity_cutoff": similarity_cutoff}
        known = {name: value for name, value in body.items() if value is not None}
        answer = yield Call(Request("POST", path, json=known, safe=True))
        return passages(answer.data, _passage, "chunks", "data", "results")

    list, alist = lists(_list)
    search, asearch = calls(_search)


class Searching:
    """What makes `client.search` of this service."""

    def _search(
        self: HasAgent, query: str, knowledge_base: str | None, top_k: int, **options: Any
    ) -> Flow[list[Citation]]:
        if not knowledge_base:
            raise ConfigurationError(
                "VMware Private AI Service searches one knowledge base: pass knowledge_base, an "
                "id that knowledge_bases.list() gives, or 'ID/INDEX_ID'.",
                endpoint=self.agent.endpoint.name,
            )
        indexes = Indexes(self.agent)
        return _search_in(indexes, query, *knowledge_base.split("/", 1), top_k=top_k, **options)


def _search_in(
    indexes: Indexes, query: str, knowledge_base: str, index: str = "", **options: Any
) -> Flow[list[Citation]]:
    if not index:
        listed = yield from collect_items(indexes._list(knowledge_base))
        index = _only(knowledge_base, [each.id for each in listed])
    return (yield from indexes._search(knowledge_base, index, query, **options))


def _only(knowledge_base: str, ids: list[str]) -> str:
    if not ids:
        raise NotFoundError(
            f"The knowledge base {knowledge_base} has no index to search yet.",
            endpoint="private_ai",
        )
    if len(ids) > 1:
        raise ConfigurationError(
            f"The knowledge base {knowledge_base} has {len(ids)} indexes: name one, for "
            f"example knowledge_base='{knowledge_base}/{ids[0]}'.",
            endpoint="private_ai",
        )
    return ids[0]


def _passage(chunk: object) -> Citation:
    """A hit; what an answer says of a source in `metadata` stands beside the text here."""
    known = mapping(chunk)
    about = {name: value for name, value in known.items() if name not in ("text", "metadata")}
    return citation({**known, "metadata": {**about, **mapping(known.get("metadata"))}})
