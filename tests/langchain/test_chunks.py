"""Chunks that bypass Pydantic's constructors are what the constructors would have made."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_agents._answers import _cloned, text_chunk


def test_a_clone_is_a_constructed_chunk() -> None:
    assert text_chunk is _cloned, "this LangChain or Pydantic makes its objects otherwise"
    clone = text_chunk("word ")
    built = ChatGenerationChunk(message=AIMessageChunk(content="word "))
    assert clone == built
    for ours, theirs in ((clone, built), (clone.message, built.message)):
        assert type(ours) is type(theirs)
        assert ours.__dict__ == theirs.__dict__
        assert list(ours.__dict__) == list(theirs.__dict__)
        assert ours.model_fields_set == theirs.model_fields_set
        assert ours.__pydantic_extra__ == theirs.__pydantic_extra__
        assert ours.__pydantic_private__ == theirs.__pydantic_private__
        assert repr(ours) == repr(theirs)
        assert ours.model_dump() == theirs.model_dump()
        assert dumps(ours) == dumps(theirs)
        assert pickle.loads(pickle.dumps(ours)) == theirs
        assert copy.deepcopy(ours) == theirs


def test_clones_share_nothing_that_changes() -> None:
    first: Any = text_chunk("a").message
    first.additional_kwargs["x"] = first.response_metadata["y"] = 1
    first.tool_calls.append(1)
    first.tool_call_chunks.append(1)
    first.invalid_tool_calls.append(1)
    first.id = "one"
    assert text_chunk("b") == ChatGenerationChunk(message=AIMessageChunk(content="b"))


def test_clones_add_up() -> None:
    total: Any = text_chunk("a") + text_chunk("b") + text_chunk("c")
    assert total.message.content == total.text == "abc"
    assert (text_chunk("a").message + text_chunk("b").message).content == "ab"
