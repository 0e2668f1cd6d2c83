"""What stands behind an answer: its citations as nodes, its own tools' results, its ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import ToolOutput

from remote_agents.agent import Agent
from remote_agents.json_types import JsonMapping, JsonObject


def source_nodes(citations: Sequence[JsonMapping]) -> list[NodeWithScore]:
    """Citations as nodes with text, title, url, ids and score; the same one has the same id."""
    return [_node(citation) for citation in citations]


def _node(citation: JsonMapping) -> NodeWithScore:
    names = ("title", "url", "id", "marker")
    known = {name: citation[name] for name in names if citation.get(name)}
    text = citation.get("text") or ""
    node = TextNode(
        id_=_node_id(citation),
        text=text,
        metadata={**citation.get("extra", {}), **known},
        excluded_llm_metadata_keys=["id", "marker"],
        excluded_embed_metadata_keys=["id", "marker", "url"],
    )
    return NodeWithScore(node=node, score=citation.get("score"))


def _node_id(citation: JsonMapping) -> str:
    """The service's id may be that of a document, which has many passages."""
    parts = "\0".join(str(citation.get(name)) for name in ("url", "title", "text"))
    digest = hashlib.blake2s(parts.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{citation['id']}#{digest}" if citation.get("id") else digest


class Sources:
    """What stands behind an answer; filled in place, as streams know it only at their end.

    Attributes:
        nodes: What the agent cites.
        tools: What its own tools gave.
        metadata: What else is known: the agent, and at the end ids, usage, finish reason.
    """

    def __init__(self, agent: Agent) -> None:
        self.nodes: list[NodeWithScore] = []
        self.tools: list[ToolOutput] = []
        # Known before the answer: an empty dict would be replaced by LlamaIndex's routers.
        self.metadata: JsonObject = {
            "agent": agent.name,
            "model_provider": agent.endpoint.name,
        }

    def read(self, response: ChatResponse) -> Sources:
        """Take them from the last response of an answer."""
        known = response.message.additional_kwargs
        self.nodes += source_nodes(known.get("citations", []))
        self.tools += _tool_outputs(known.get("steps", []))
        self.metadata.update({k: v for k, v in known.items() if k not in ("citations", "steps")})
        return self


def _tool_outputs(steps: Sequence[JsonMapping]) -> list[ToolOutput]:
    calls = {step["id"]: step for step in steps if step["type"] == "tool_call"}
    return [
        _tool_output(calls.get(step["id"], {}), step)
        for step in steps
        if step["type"] == "tool_result"
    ]


def _tool_output(call: Mapping[str, Any], result: JsonMapping) -> ToolOutput:
    output = result["output"]
    content = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    return ToolOutput(
        content=content,
        tool_name=call.get("name", "tool"),
        raw_input=call.get("arguments", {}),
        raw_output=output,
        is_error=result["error"],
    )
