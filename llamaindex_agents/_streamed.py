"""LlamaIndex's streaming responses, whose sources are known at the end, and which end when left.

LlamaIndex keeps the stream in the response. Whoever breaks off and keeps that would keep the
session, and the connection, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    aclosing,
    closing,
    contextmanager,
    nullcontext,
)

from llama_index.core.base.llms.types import ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.types import TokenAsyncGen, TokenGen

from llamaindex_agents._sources import Sources
from remote_agents.errors import AgentStreamError
from remote_agents.json_types import JsonObject

_FAR = 10  # frames between an answer and the chat engine that reads it


class _ReadOnce:
    """An answer that is read by one iterator, to its end or until that is left."""

    _begun = _ended = False

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self._begun and not self._ended:
            raise AgentStreamError(
                "This answer broke off, or was left before its end, which stopped it. To read on, "
                "keep the iterator: tokens = response.response_gen.",
                partial=self._text_so_far(),
            )
        self._begun = True
        yield
        self._ended = True

    def _text_so_far(self) -> str:
        raise NotImplementedError


class RemoteStreamingResponse(_ReadOnce, StreamingResponse):
    """A query engine's answer as it arrives; its sources and metadata are filled by its end."""

    def __init__(self, tokens: TokenGen, sources: Sources) -> None:
        self._answer = tokens
        super().__init__(tokens, sources.nodes, sources.metadata)

    @property
    def response_gen(self) -> TokenGen:
        """The pieces of the answer; leaving them early stops it."""
        return self._read(self._tokens)

    @response_gen.setter
    def response_gen(self, tokens: TokenGen) -> None:
        self._tokens = tokens

    def _read(self, tokens: TokenGen) -> TokenGen:
        if tokens is not self._tokens:  # a tracer has wrapped this reader, and is read instead
            yield from tokens
            return
        said = self._text_so_far()
        try:
            # Not every wrapper closes what it wraps.
            with self._reading(), closing(self._answer), closing(tokens):
                for token in tokens:
                    said += token
                    yield token
            _tell_reader(self)
        finally:
            self.response_txt = said or None

    def _text_so_far(self) -> str:
        return self.response_txt or ""


class RemoteAsyncStreamingResponse(_ReadOnce, AsyncStreamingResponse):
    """The same as `RemoteStreamingResponse`, with asyncio."""

    def __init__(self, tokens: TokenAsyncGen, sources: Sources) -> None:
        self._answer = tokens
        super().__init__(tokens, sources.nodes, sources.metadata)

    async def async_response_gen(self) -> TokenAsyncGen:
        """The pieces of the answer; leaving them early stops it."""
        tokens = super().async_response_gen()
        with self._reading():
            async with aclosing(self._answer), aclosing(self.response_gen), aclosing(tokens):
                async for token in tokens:
                    yield token
        _tell_reader(self)

    def _text_so_far(self) -> str:
        return self.response_txt or ""


class RemoteStreamingChatResponse(_ReadOnce, StreamingAgentChatResponse):
    """A chat engine's answer as it arrives.

    Attributes:
        metadata: Its ids, usage and finish reason, filled by its end as `sources` and
            `source_nodes` are.
    """

    metadata: JsonObject

    def __init__(
        self,
        sources: Sources,
        *,
        stream: ChatResponseGen | None = None,
        astream: ChatResponseAsyncGen | None = None,
    ) -> None:
        super().__init__(
            chat_stream=stream,
            achat_stream=astream,
            sources=sources.tools,
            source_nodes=sources.nodes,
            is_writing_to_memory=False,
        )
        self.metadata = sources.metadata

    @property
    def response_gen(self) -> TokenGen:
        """The pieces of the answer; leaving them early stops it."""
        tokens = super().response_gen
        try:
            with self._reading(), _closed(self.chat_stream), closing(tokens):
                yield from tokens
        finally:
            self.response = self._text_so_far().strip()

    async def async_response_gen(self) -> TokenAsyncGen:
        """The same as `response_gen`, with asyncio."""
        tokens = super().async_response_gen()
        try:
            with self._reading():
                async with _aclosed(self.achat_stream), aclosing(tokens):
                    async for token in tokens:
                        yield token
        finally:
            self.response = self._text_so_far().strip()

    def _text_so_far(self) -> str:
        return self.unformatted_response


def _closed(stream: ChatResponseGen | None) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else closing(stream)


def _aclosed(stream: ChatResponseAsyncGen | None) -> AbstractAsyncContextManager[object]:
    return nullcontext() if stream is None else aclosing(stream)


def _tell_reader(answer: RemoteStreamingResponse | RemoteAsyncStreamingResponse) -> None:
    """Give the sources to the chat engine's response that reads this answer.

    LlamaIndex's condense engine copies them when the stream begins, before they are known, and
    leaves no way to its response but the stack of the one that reads.
    """
    frame = inspect.currentframe()
    for _ in range(_FAR):
        frame = frame and frame.f_back
        reader = frame and frame.f_locals.get("self")
        if isinstance(reader, StreamingAgentChatResponse) and not reader.source_nodes:
            read = any(output.raw_output is answer for output in reader.sources)
            reader.source_nodes.extend(answer.source_nodes if read else ())
