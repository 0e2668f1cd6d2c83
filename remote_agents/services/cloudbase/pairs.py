"""A dialogue as Tencent's templates show it to a model: questions, each with its answer behind it.

Of a `history` they drop whatever else stands there: the first of two messages of a user, an answer
without a question, the second of two answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from remote_agents.json_types import JsonObject
from remote_agents.types import Message


def in_pairs(messages: Sequence[Message]) -> tuple[list[JsonObject], str]:
    r"""What was said as whole pairs, and what is asked now: nothing of it is left out.

    Args:
        messages: Of users and assistants, the question last.

    Example:
        >>> in_pairs([Message("user", "A"), Message("assistant", "B"), Message("user", "C")])
        ([{'role': 'user', 'content': 'A'}, {'role': 'assistant', 'content': 'B'}], 'C')
        >>> in_pairs([Message("user", "A document."), Message("user", "A question?")])
        ([], 'A document.\n\nA question?')
    """
    *earlier, last = messages
    told = [message for message in earlier if message.content]
    said = [(role, _joined(of_one)) for role, of_one in groupby(told, attrgetter("role"))]
    before = said.pop()[1] if said and said[-1][0] == last.role else ""
    greeting = f"Assistant: {said.pop(0)[1]}" if said and said[0][0] == "assistant" else ""
    if said and greeting:
        said[0] = ("user", f"{greeting}\n\n{said[0][1]}")
        greeting = ""
    history: list[JsonObject] = [{"role": role, "content": content} for role, content in said]
    return history, "\n\n".join(filter(None, (greeting, before, last.content)))


def _joined(messages: Iterable[Message]) -> str:
    return "\n\n".join(message.content for message in messages)
