"""Which events are a part of an answer, and which replies are one."""

from __future__ import annotations

from remote_agents.types import Event, Info, Reply, ToolCallDelta, Unknown, Usage

# Folded into the reply, not shown on the way; usage is shown once, at the end.
SILENT = frozenset({Info, ToolCallDelta, Usage})


def is_silent(event: Event) -> bool:
    """Whether an event is about the answer, and no part of it."""
    return type(event) is Usage or (type(event) is Info and not event.raw)


def is_answer(reply: Reply) -> bool:
    """Whether a reply holds anything that is an answer, if only a source or a call of a tool."""
    steps = any(type(step) is not Unknown for step in reply.steps)
    told = reply.citations or reply.tool_calls or reply.interrupts or reply.alternatives
    return bool(reply.text or reply.reasoning or reply.files or steps or told)
