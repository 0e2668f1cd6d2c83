"""A run that waits for a person: how an answer tells, and what it asks."""

from __future__ import annotations

from collections.abc import Sequence

from remote_agents.errors import AgentInterrupt
from remote_agents.json_types import JsonMapping
from remote_agents.types import interrupts_in


def is_interrupted(metadata: JsonMapping) -> bool:
    """Whether a reply's metadata says that its run waits for a person.

    Args:
        metadata: What both frameworks keep beside the text.
    """
    return metadata.get("finish_reason") == "interrupt"


def question_in(interrupts: Sequence[JsonMapping]) -> str:
    """What a person is asked, in all of them."""
    return " ".join(each["question"] for each in interrupts if each.get("question"))


def raise_if_interrupted(metadata: JsonMapping) -> None:
    """Raise `AgentInterrupt` if a reply's metadata says that its run waits for a person.

    Args:
        metadata: What both frameworks keep beside the text.

    Raises:
        AgentInterrupt: With all that the run waits for.
    """
    if not is_interrupted(metadata):
        return
    interrupts = interrupts_in(metadata.get("interrupts"))
    asked = "; ".join(each.question for each in interrupts if each.question)
    told = f"The agent waits for a person{': ' + asked if asked else ''}"
    end = "" if told.endswith((".", "?", "!", "\u3002", "\uff1f", "\uff01")) else "."
    raise AgentInterrupt(
        f"{told}{end} Ask it as a chat model, and answer with resume=.",
        interrupts=interrupts,
        endpoint=metadata.get("model_provider"),
        conversation_id=metadata.get("conversation_id"),
    )
