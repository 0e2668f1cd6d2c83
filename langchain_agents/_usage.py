"""Token counts beside an answer, by the names and in the places where tracers look for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remote_agents.json_types import JsonMapping, JsonObject
    from remote_agents.types import Reply


def metadata_of(reply: Reply) -> JsonObject:
    """What a reply says of itself, its tokens among it, if the service counts them."""
    metadata, usage = reply.metadata(), reply.usage
    if usage is not None:
        metadata["token_usage"] = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
    return metadata


def llm_output_of(answers: Sequence[JsonMapping | None]) -> JsonObject:
    """What an `LLMResult` says of all its answers, each given by its metadata or its own output."""
    told = [answer for answer in answers if answer]
    counts = Counter[str]()
    for answer in told:
        counts.update(answer.get("token_usage", {}))
    named = [{"model_name": answer["model_name"]} for answer in told if "model_name" in answer]
    return {**(named[0] if named else {}), **({"token_usage": dict(counts)} if counts else {})}
