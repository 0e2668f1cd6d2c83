"""The responses of a stream are made by hand, and are what LlamaIndex's constructors make."""

import pytest
from llama_index.core.base.llms.types import ThinkingBlock

from llamaindex_agents._answers import _cloned, _constructed, _same, partial_response


def test_the_quick_way_is_taken() -> None:
    assert partial_response is _cloned, "this LlamaIndex or Pydantic makes its objects otherwise"


@pytest.mark.parametrize("thinking", [None, ThinkingBlock(content="Hm.")])
def test_a_clone_is_the_constructed_response(thinking: ThinkingBlock | None) -> None:
    made = [make("25 days", thinking, "days", {"a": 1}) for make in (_cloned, _constructed)]
    assert _same(*made)
    assert made[0] == made[1]
    assert made[0].model_dump_json() == made[1].model_dump_json()
    assert made[0].message.content == "25 days"
    assert made[0].message.model_copy(deep=True) == made[1].message


def test_clones_share_nothing_that_can_be_changed() -> None:
    one, other = (_cloned("a", None, "a", {}) for _ in range(2))
    one.message.additional_kwargs["mark"] = one.additional_kwargs["mark"] = True
    one.message.blocks.append(ThinkingBlock(content="more"))
    assert other == _constructed("a", None, "a", {})
