"""The responses of a stream are LlamaIndex's own objects, each of its own."""

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from tests.llamaindex.conftest import QUESTION, STREAMED, Build, responses


@pytest.mark.parametrize("way", STREAMED)
async def test_a_response_is_what_its_own_dump_is_read_as(build: Build, way: str) -> None:
    for response in await responses(build("maiagent"), way, [ChatMessage(QUESTION)]):
        assert ChatResponse.model_validate(response.model_dump()) == response
        assert response.message.model_copy(deep=True) == response.message


@pytest.mark.parametrize("way", STREAMED)
async def test_responses_share_nothing_that_can_be_changed(build: Build, way: str) -> None:
    first, second, *_ = await responses(build("maiagent"), way, [ChatMessage(QUESTION)])
    before = second.model_dump()
    first.message.additional_kwargs["mark"] = first.additional_kwargs["mark"] = True
    first.message.blocks.clear()
    assert second.model_dump() == before
