"""Lets the API reference show docstrings as they are written in LangChain and here.

Griffe knows `Examples:` and no `Example:`, fences and no `.. code-block::`, lists by their marks.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

CODE = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1 +.*(?:\n|\Z)|\n)+)", re.MULTILINE)
ARGUMENTS = re.compile(r"^Key init args:\n((?: +.*(?:\n|\Z))+)", re.MULTILINE)


class Examples(griffe.Extension):
    """Writes a docstring anew, before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            text = re.sub(
                r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
            obj.docstring.value = ARGUMENTS.sub(_listed, CODE.sub(_fenced, text))


def _fenced(match: re.Match[str]) -> str:
    indent, language, code = match.groups()
    lines = [line.removeprefix("    ") for line in code.rstrip().splitlines()]
    return "\n".join([f"{indent}```{language}", *lines, f"{indent}```", "", ""])


def _listed(match: re.Match[str]) -> str:
    return "Key init args:\n" + re.sub(
        r"^    (\w+): ", r"    - `\1`: ", match[1], flags=re.MULTILINE
    )
