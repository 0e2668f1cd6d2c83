"""Hand-offs in an agent's words: JSON on a line of its own, in a fence, or amid a remark."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from llama_index.core.output_parsers.base import OutputParserException
from llama_index.core.output_parsers.utils import parse_json_markdown

_OBJECT = re.compile(r"\{[^{}]*handoff")
_FENCE = re.compile(r"^`+\w*\s*")
_FORMS = ('{"handoff', '{"name":"handoff', '{"tool":"handoff')  # the word, or a call of the tool
_BEGINNINGS = tuple(form.replace('"', quote) for form in _FORMS for quote in ('"', "'", ""))
_TO_AGENT = ("to_agent", "toAgent", "agent")
_STRAIGHT = str.maketrans("\u201c\u201d\u2018\u2019\xa0", "\"\"'' ")
_LONGEST = 200  # characters that a fence, blanks and the first key take


def handoff_in(text: str) -> dict[str, str] | None:
    r"""To whom an answer hands over, and why; None if it does not.

    Example:
        >>> handoff_in('Gladly.\n{"handoff": {"to_agent": "hr", "reason": "holidays"}}')
        {'to_agent': 'hr', 'reason': 'holidays'}
    """
    found = (_arguments(_object_at(text, brace.start())) for brace in _OBJECT.finditer(text))
    return next((arguments for arguments in found if arguments), None)


def shown_until(text: str, shown: int) -> int:
    """How much of an answer that still arrives can be shown: a hand-off is not.

    Args:
        text: The answer so far.
        shown: How much of it was shown before.
    """
    for mark in re.finditer(r"[{`]", text[shown:]):
        if _may_be_handoff(text, shown + mark.start()):
            return shown + mark.start()
    return len(text)


def _may_be_handoff(text: str, start: int) -> bool:
    inside = _FENCE.sub("", text[start : start + _LONGEST])
    begun = re.sub(r"\s", "", inside).translate(_STRAIGHT)
    return any(begun[: len(form)] == form[: len(begun)] for form in _BEGINNINGS)


def _object_at(text: str, start: int) -> Any:
    """The JSON object that begins there, or what a model takes for one."""
    with suppress(ValueError, RecursionError):
        return json.JSONDecoder(strict=False).raw_decode(text, start)[0]
    with suppress(OutputParserException, RecursionError):
        said = text[start : _end_of_object(text, start)]
        return parse_json_markdown(said.translate(_STRAIGHT))
    return None


def _end_of_object(text: str, start: int) -> int:
    depth = 0
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return start + brace.end()
    return len(text)


def _arguments(said: Any) -> dict[str, str] | None:
    asked = _requested_handoff(said) if isinstance(said, dict) else None
    if not isinstance(asked, dict):
        return None
    name = next((asked[key] for key in _TO_AGENT if asked.get(key)), None)
    if not isinstance(name, str) or name.startswith(("<", "...")):  # as instructions have it
        return None
    return {"to_agent": name.strip(), "reason": str(asked.get("reason") or "")}


def _requested_handoff(said: dict[str, Any]) -> Any:
    """The hand-off that an object holds, or what it passes to the tool of this name."""
    if "handoff" not in (said.get("name"), said.get("tool")):
        asked = said.get("handoff")
        if not isinstance(asked, str):
            return asked
        inner = _object_at(asked, 0)
        return inner if isinstance(inner, dict) else {**said, "to_agent": asked}
    given = said.get("arguments") or said.get("parameters")
    return _object_at(given, 0) if isinstance(given, str) else given
