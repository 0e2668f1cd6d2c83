"""A LlamaIndex agent over either kind of LLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.agent.workflow import AgentOutput, AgentStream, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.memory import BaseMemory
from llama_index.core.tools import AsyncBaseTool


class StreamingAgent(FunctionAgent):
    """FunctionAgent's streaming loop, with the same events, for an LLM whose tools are remote."""

    async def take_step(
        self,
        ctx: Any,
        llm_input: list[ChatMessage],
        tools: Sequence[AsyncBaseTool],
        memory: BaseMemory,
    ) -> AgentOutput:
        async for response in await self.llm.astream_chat(llm_input):
            ctx.write_event_to_stream(
                AgentStream(
                    delta=response.delta or "",
                    response=response.message.content or "",
                    tool_calls=[],
                    raw=response.raw,
                    current_agent_name=self.name,
                )
            )
        await ctx.store.set(self.scratchpad_key, [response.message])
        return AgentOutput(
            response=response.message,
            tool_calls=[],
            raw=response.raw,
            current_agent_name=self.name,
        )


def agent_for(llm: Any) -> FunctionAgent:
    """FunctionAgent itself where the LLM calls functions, its streaming loop where it does not."""
    kind = FunctionAgent if isinstance(llm, FunctionCallingLLM) else StreamingAgent
    return kind(llm=llm, tools=[], system_prompt="Answer.")
