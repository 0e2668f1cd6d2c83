"""A hosted agent as a member of an `AgentWorkflow`."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from llama_index.core.agent.workflow import AgentInput, AgentOutput, AgentStream, ToolCallResult
from llama_index.core.agent.workflow.agent_context import AgentContext
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    MessageRole,
)
from llama_index.core.memory import BaseMemory
from llama_index.core.tools import AsyncBaseTool, ToolSelection
from llama_index.core.workflow import Context
from pydantic import Field

from llamaindex_agents._answers import text_of
from llamaindex_agents._context import (
    AgentState,
    ReplacedTurn,
    is_cleared,
    keep_dialogue,
    restore_dialogue,
)
from llamaindex_agents._handoffs import handoff_in, shown_until
from llamaindex_agents._llm import RemoteLLM
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject

LONG = 4_000  # characters
DEFAULT_HANDOFF_INSTRUCTION = """{description}
To hand over, answer with this one line and nothing else:
{{"handoff": {{"to_agent": "<name>", "reason": "<why>"}}}}"""


class RemoteWorkflowAgent(BaseWorkflowAgent):
    """A hosted agent in an `AgentWorkflow`, or on its own.

    Its tools are on its server; of this side's tools it knows only the hand-off to other agents,
    which it asks for in words. Its conversation is no other agent's, and continues from run to run
    with the same context: its name is in `ctx.store`, so `ctx.to_dict()` carries it along. A
    context that was saved amid an answer does not ask again when it is run.

    Examples:
        ```python
        from llama_index.core.agent.workflow import AgentWorkflow
        from llamaindex_agents import BlueNexus, MaiAgent, RemoteWorkflowAgent

        workflow = AgentWorkflow(
            agents=[
                RemoteWorkflowAgent(
                    name="hr", description="Knows the employee handbook.", llm=MaiAgent()
                ),
                RemoteWorkflowAgent(
                    name="calendar", description="Knows all meetings.", llm=BlueNexus()
                ),
            ],
            root_agent="hr",
        )
        print(await workflow.run("How many vacation days do I get?"))
        ```
    """

    handoff_instruction: str = Field(
        default=DEFAULT_HANDOFF_INSTRUCTION,
        description="Tells the agent how to hand over; {description} says to whom it can.",
    )

    async def take_step(
        self,
        ctx: AgentContext,
        llm_input: list[ChatMessage],
        tools: Sequence[AsyncBaseTool],
        memory: BaseMemory,
    ) -> AgentOutput:
        """Ask the agent, in its conversation.

        Raises:
            AgentInterrupt: The agent waits for a person; `AskPerson` is a workflow that asks one.
            ConfigurationError: There are tools that a hosted agent cannot call, or another LLM.
            ConversationError: The context was saved while the agent was answering.
        """
        state = AgentState(ctx, self.name)
        prompt = [*await self._known(ctx, memory, llm_input), *await state.said()]
        ctx.write_event_to_stream(AgentInput(input=prompt, current_agent_name=self.name))
        instructions = self._instructions(tools)
        try:
            response = await state.begin(llm_input)
            if response is None:
                cleared = await is_cleared(ctx, memory, prompt)
                dialogue = {"session_id": await state.session_id(), "cleared": cleared}
                prompt = [*instructions, *prompt]
                response = await self._answer(ctx, state, dialogue, prompt, bool(tools))
        except ReplacedTurn as replaced:
            await state.stand_by(replaced)
            raise
        finally:
            state.leave()
        return AgentOutput(
            response=response.message,
            tool_calls=_handoffs(response, await _members(ctx)) if tools else [],
            raw=response.raw,
            current_agent_name=self.name,
        )

    async def handle_tool_call_results(
        self, ctx: Context, results: list[ToolCallResult], memory: BaseMemory
    ) -> None:
        """Put what became of a hand-off where the next agent sees it, or this one if it failed."""
        done = await ctx.store.get("next_agent", default=None)
        role = MessageRole.ASSISTANT if done else MessageRole.USER
        told = [ChatMessage(role=role, content=each.tool_output.content) for each in results]
        await AgentState(ctx, self.name).add(told)

    async def finalize(self, ctx: Context, output: AgentOutput, memory: BaseMemory) -> AgentOutput:
        """Remember what was said in this run."""
        await memory.aput_messages(await AgentState(ctx, self.name).take())
        await keep_dialogue(ctx, memory)
        return output

    async def _known(
        self, ctx: Any, memory: BaseMemory, llm_input: list[ChatMessage]
    ) -> list[ChatMessage]:
        """The prompt; if the context had lost its memory, with what that then holds again."""
        restored = await restore_dialogue(ctx, memory, llm_input)
        system = llm_input[: bool(self.system_prompt)]
        return [*system, *restored[:-1], llm_input[-1]] if restored else llm_input

    def _instructions(self, tools: Sequence[AsyncBaseTool]) -> list[ChatMessage]:
        """How to hand over, if there is somebody to hand over to."""
        others = [tool.metadata.name for tool in tools if tool.metadata.name != "handoff"]
        if others:
            raise ConfigurationError(
                f"{self.name} is a hosted agent: its tools are on its own server, and it cannot "
                f"call {', '.join(map(str, others))}."
            )
        return [
            ChatMessage(
                role=MessageRole.SYSTEM,
                content=self.handoff_instruction.format(description=tool.metadata.description),
            )
            for tool in tools
        ]

    async def _answer(
        self,
        ctx: Any,
        state: AgentState,
        dialogue: JsonObject,
        prompt: list[ChatMessage],
        may_hand_over: bool,
    ) -> ChatResponse:
        """Ask, and note in the context what comes of it."""
        try:
            response = await self._ask(ctx, dialogue, prompt, may_hand_over)
            text_of(response)
        except Exception:
            await state.end(None)
            raise
        await state.end(response)
        return response

    async def _ask(
        self, ctx: Any, dialogue: JsonObject, prompt: list[ChatMessage], may_hand_over: bool
    ) -> ChatResponse:
        if not isinstance(self.llm, RemoteLLM):
            raise ConfigurationError(
                f"{self.name} needs the LLM of a hosted agent, not {type(self.llm).__name__}."
            )
        if self.llm.session_id is not None:  # agents that share one are dialogues of their own
            dialogue["session_id"] = f"{self.llm.session_id}/{self.name}"
        if not self.streaming:
            reply: ChatResponse = await self.llm.achat(prompt, **dialogue)
            return reply
        responses = await self.llm.astream_chat(prompt, **dialogue)
        return await self._stream(ctx, responses, may_hand_over=may_hand_over)

    async def _stream(
        self, ctx: Any, responses: ChatResponseAsyncGen, *, may_hand_over: bool = False
    ) -> ChatResponse:
        """Show the answer as it arrives, but nothing of what may become a hand-off."""
        shown, pace = 0, _Pace()
        async with aclosing(responses):
            async for response in responses:
                text = response.message.content or ""
                end = shown_until(text, shown) if may_hand_over else len(text)
                if thinking := response.additional_kwargs.get("thinking_delta"):
                    ctx.write_event_to_stream(self._event(text[:shown], "", thinking))
                elif end > shown and pace.allows(text[:end]):
                    ctx.write_event_to_stream(pace.noted(self._event(text[:end], text[shown:end])))
                    shown = end
        if not may_hand_over or handoff_in(text) is None:
            ctx.write_event_to_stream(self._event(text, text[shown:], raw=response.raw))
        return response

    def _event(
        self, text: str, delta: str, thinking: str | None = None, raw: object = None
    ) -> AgentStream:
        return AgentStream(
            delta=delta,
            response=text,
            raw=raw,
            current_agent_name=self.name,
            thinking_delta=thinking,
        )


class _Pace:
    """How often a long answer is shown: every event holds all the text before it.

    Each piece is, while the events are read. Those of a run that nobody reads stay in memory, and
    of a long answer there is only one for each hundredth by which it grows.
    """

    def __init__(self) -> None:
        self._length = 0
        self._last: list[weakref.ref[AgentStream]] = []

    def allows(self, text: str) -> bool:
        """Whether to show the text now; what is not shown goes along with what comes next."""
        grown = len(text) - self._length
        return len(text) < LONG or 100 * grown >= len(text) or self._is_read()

    def _is_read(self) -> bool:
        """Whether the event before the last is gone; the last one its reader may have in hand."""
        return len(self._last) < 2 or self._last[0]() is None

    def noted(self, event: AgentStream) -> AgentStream:
        """The event, which is about to be shown."""
        self._length = len(event.response)
        self._last = [*self._last[-1:], weakref.ref(event)]
        return event


async def _members(ctx: AgentContext) -> list[str]:
    """The names of the workflow's agents."""
    return list(await ctx.store.get("agents", default=[]))


def _handoffs(response: ChatResponse, members: Sequence[str]) -> list[ToolSelection]:
    """The hand-off that an answer is, if it is one; a member is known in any case of letters."""
    arguments = handoff_in(response.message.content or "")
    if arguments is None:
        return []
    alike = [name for name in members if name.casefold() == arguments["to_agent"].casefold()]
    if len(alike) == 1:
        arguments["to_agent"] = alike[0]
    call = ToolSelection(tool_id=uuid.uuid4().hex, tool_name="handoff", tool_kwargs=arguments)
    return [call]
