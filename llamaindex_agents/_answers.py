"""The events of an answer as LlamaIndex's streams of responses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)

from llamaindex_agents._convert import chat_response
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.json_types import JsonObject
from remote_agents.types import Event, Finish, ReasoningDelta, TextDelta


class _Responses:
    """Turns the events of one answer into responses that each hold the text so far."""

    __slots__ = ("_text", "_thinking", "_whole")

    def __init__(self, whole: Callable[..., ChatResponse]) -> None:
        self._whole = whole
        self._text = ""
        self._thinking: ThinkingBlock | None = None

    def of(self, event: Event) -> ChatResponse | None:
        """The response for an event, if it is one that is shown."""
        if type(event) is TextDelta:
            self._text += event.text
            return self._response(event.text, {})
        if type(event) is ReasoningDelta:
            before = (self._thinking and self._thinking.content) or ""
            self._thinking = ThinkingBlock(content=before + event.text)
            return self._response("", {"thinking_delta": event.text})
        return self._whole(event.reply, delta="") if type(event) is Finish else None

    def _response(self, delta: str, extra: JsonObject) -> ChatResponse:
        said = TextBlock(text=self._text)
        blocks: list[ContentBlock] = [said, self._thinking] if self._thinking else [said]
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)
        return ChatResponse(message=message, delta=delta, additional_kwargs=extra)


def chat_responses(
    events: Generator[Event, None, object], whole: Callable[..., ChatResponse] = chat_response
) -> ChatResponseGen:
    """The events of an answer as a stream of responses; closing it closes the answer.

    Args:
        events: The events.
        whole: Makes the last response of the reply.
    """
    responses = _Responses(whole)
    with closing(events):
        for event in events:
            if (response := responses.of(event)) is not None:
                yield response


async def achat_responses(
    events: AsyncGenerator[Event, None], whole: Callable[..., ChatResponse] = chat_response
) -> ChatResponseAsyncGen:
    """The same as `chat_responses`, with asyncio."""
    responses = _Responses(whole)
    async with aclosing(events):
        async for event in events:
            if (response := responses.of(event)) is not None:
                yield response


def text_of(response: ChatResponse) -> str:
    """The text of an answer, where a run that waits for a person is none.

    Raises:
        AgentInterrupt: It waits.
    """
    raise_if_interrupted(response.message.additional_kwargs)
    return response.message.content or ""


def completion(response: ChatResponse) -> CompletionResponse:
    """A chat response as a completion, which has to be text."""
    return CompletionResponse(
        text=text_of(response),
        delta=response.delta,
        raw=response.raw,
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
    )


def completions(responses: ChatResponseGen) -> CompletionResponseGen:
    """A stream of chat responses as completions."""
    with closing(responses):
        for response in responses:
            yield completion(response)


async def acompletions(responses: ChatResponseAsyncGen) -> CompletionResponseAsyncGen:
    """The same as `completions`, with asyncio."""
    async with aclosing(responses):
        async for response in responses:
            yield completion(response)
