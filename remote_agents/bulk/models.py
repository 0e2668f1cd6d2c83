"""How a bulk run asks a model of any kind, told by its shape: no framework is imported here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from remote_agents.bulk.rows import Row, jsonable
from remote_agents.errors import ConfigurationError
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.memory.sessions import current_session


def way_of_asking(model: object) -> Callable[[Any, str | None], Row]:
    """A function that asks the model an input in a session, if any, and gives what a row holds.

    Raises:
        ConfigurationError: The model is of no known kind.
    """
    for method, way in _WAYS.items():
        if callable(getattr(model, method, None)) and not isinstance(model, type):
            return lambda value, session_id: way(model, value, session_id)
    given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    raise ConfigurationError(
        "ask_many takes a plain client, a LangChain model or chain, a LlamaIndex LLM or query "
        f"engine, not {given}."
    )


def _ask_client(client: Any, value: Any, session_id: str | None) -> Row:
    reply = client.ask(value, session_id=session_id)
    return _from_metadata(
        reply.text,
        reply.metadata(),
        [citation.to_dict() for citation in reply.citations],
        reply.usage.input_tokens if reply.usage else None,
        reply.usage.output_tokens if reply.usage else None,
    )


def _ask_langchain(runnable: Any, value: Any, session_id: str | None) -> Row:
    config = None if session_id is None else {"configurable": {"session_id": session_id}}
    result = runnable.invoke(value, config)
    if not hasattr(result, "response_metadata"):
        return {"answer": _text(result)}
    usage = result.usage_metadata or {}
    return _from_metadata(
        str(result.text),
        result.response_metadata,
        result.additional_kwargs.get("citations") or _citation_blocks(result),
        usage.get("input_tokens"),
        usage.get("output_tokens"),
    )


def _citation_blocks(message: Any) -> list[Any]:
    """The citations of another model's message."""
    notes = [note for block in message.content_blocks for note in block.get("annotations", ())]
    return [note for note in notes if note.get("type") == "citation"]


def _text(result: object) -> str:
    if isinstance(result, str):
        return result
    return json.dumps(jsonable(result), ensure_ascii=False)


def _ask_llamaindex(llm: Any, value: Any, session_id: str | None) -> Row:
    session_id = (current_session() or None) if session_id is None else session_id
    if isinstance(value, str):
        if session_id is not None:
            return _from_engine(llm.as_chat_engine(session_id).chat(value))
        response = llm.complete(value)
        return _from_extras(response.text, response.additional_kwargs)
    response = (llm if session_id is None else llm.for_session(session_id)).chat(value)
    return _from_extras(response.message.content or "", response.message.additional_kwargs)


def _ask_query_engine(engine: Any, value: Any, session_id: str | None) -> Row:
    if session_id is not None:
        raise ConfigurationError(
            "A query engine asks each question for itself: pass its LLM, or leave session= out."
        )
    return _from_engine(engine.query(value))


def _from_engine(response: Any) -> Row:
    answer = str(response)  # only then has one that streams its sources
    nodes = [
        {"text": node.text, "score": node.score, **node.metadata} for node in response.source_nodes
    ]
    extras = getattr(response, "metadata", None) or {}
    return {**_from_extras(answer, extras), "citations": jsonable(nodes)}


def _from_extras(text: str, extras: Mapping[str, Any]) -> Row:
    usage = extras.get("usage")
    usage = usage if isinstance(usage, Mapping) else extras  # an engine of others has its own words
    return _from_metadata(
        text,
        extras,
        extras.get("citations"),
        usage.get("input_tokens", usage.get("prompt_tokens")),
        usage.get("output_tokens", usage.get("completion_tokens")),
    )


def _from_metadata(
    text: str, metadata: Mapping[str, Any], citations: object, put_in: int | None, out: int | None
) -> Row:
    raise_if_interrupted(metadata)
    return {
        "answer": text,
        "citations": jsonable(citations or []),
        "conversation_id": metadata.get("conversation_id"),
        "finish_reason": metadata.get("finish_reason"),
        "input_tokens": put_in,
        "output_tokens": out,
    }


_WAYS: dict[str, Callable[[Any, Any, str | None], Row]] = {
    "ask": _ask_client,
    "invoke": _ask_langchain,
    "query": _ask_query_engine,
    "complete": _ask_llamaindex,
}
