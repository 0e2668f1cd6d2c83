"""A chat model without a model: it says what reached it. Run in a vendor's environment.

What the newest user message begins with decides: "call" asks for the first tool (two at once for
"call twice"), "wait" breaks the answer off half way until the process dies, "fail" raises there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class Scripted(BaseChatModel):
    """Tells what it was given, word by word."""

    tools: list[dict[str, Any]] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _told(self, messages: list[BaseMessage]) -> str:
        seen = [[message.type, message.content] for message in messages]
        # An answer that repeats earlier answers would double in size with each turn.
        seen = [[kind, "..." if kind == "ai" else content] for kind, content in seen]
        return "I SAW " + json.dumps([seen, self.options], ensure_ascii=False)

    def _calls(self, messages: list[BaseMessage]) -> list[dict[str, Any]]:
        asked = str(messages[-1].content) if messages and messages[-1].type == "human" else ""
        if not self.tools or "call" not in asked:
            return []
        count = len(messages)
        return [
            {
                "name": tool["name"],
                "args": '{"city": "Paris"}',
                "id": f"call-{count}-{n}",
                "index": n,
            }
            for n, tool in enumerate(self.tools[: 2 if "twice" in asked else 1])
        ]

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any) -> Any:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._told(messages)))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> Iterator[ChatGenerationChunk]:
        if calls := self._calls(messages):
            for call in calls:
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[call]))
            return
        text = self._told(messages)
        for start in range(0, len(text), 40):
            yield ChatGenerationChunk(message=AIMessageChunk(text[start : start + 40]))

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = str(messages[-1].content) if messages else ""
        for chunk in self._stream(messages):
            yield chunk
            if asked.startswith("fail"):
                raise RuntimeError("the model broke down")
            if asked.startswith("wait"):
                await asyncio.Event().wait()
