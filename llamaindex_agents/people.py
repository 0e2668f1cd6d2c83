"""People in a workflow: an agent that may ask one before it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

if TYPE_CHECKING:
    from llamaindex_agents._llm import RemoteLLM


class AgentAsksPerson(InputRequiredEvent):
    """The agent waits for a person: `question`, and all `interrupts`."""

    question: str
    interrupts: list[dict[str, Any]]


class AskPerson(Workflow):
    """A workflow that asks the agent, and a person where the agent waits for one.

    When the agent's run waits, an `AgentAsksPerson` is in the stream of events; send a
    `HumanResponseEvent(response=...)` to go on. Each step posts once. What is asked is in `ctx`, so
    a context that is saved while the agent waits can be answered in another process.

    Args:
        llm: The agent.
        **settings: As for `Workflow`; give a `timeout` that a person can keep, or None.

    Examples:
        ```python
        handler = AskPerson(llm, timeout=None).run(messages=[ChatMessage("Delete the file.")])
        async for event in handler.stream_events():
            if isinstance(event, AgentAsksPerson):
                handler.ctx.send_event(HumanResponseEvent(response="yes"))
        print((await handler).message.content)
        ```
    """

    def __init__(self, llm: RemoteLLM, **settings: Any) -> None:
        super().__init__(**settings)
        self.llm = llm

    @step
    async def ask(self, ctx: Context, event: StartEvent) -> AgentAsksPerson | StopEvent:
        """Ask the agent."""
        messages = list(event.messages)
        return await self._next(ctx, messages, await self.llm.achat(messages))

    @step
    async def answer(self, ctx: Context, event: HumanResponseEvent) -> AgentAsksPerson | StopEvent:
        """Tell the agent what the person said."""
        known = await ctx.store.get("messages")
        messages = [ChatMessage.model_validate(each) for each in known]
        return await self._next(
            ctx, messages, await self.llm.achat(messages, resume=event.response)
        )

    async def _next(
        self, ctx: Context, messages: Sequence[ChatMessage], response: ChatResponse
    ) -> AgentAsksPerson | StopEvent:
        told = response.message.additional_kwargs
        if told.get("finish_reason") != "interrupt":
            return StopEvent(result=response)
        kept = [each.model_dump(mode="json") for each in (*messages, response.message)]
        await ctx.store.set("messages", kept)
        interrupts = told.get("interrupts") or [{}]
        question = " ".join(each["question"] for each in interrupts if each.get("question"))
        return AgentAsksPerson(question=question, interrupts=interrupts)
