"""Asking the sandbox's mind without a server."""

from __future__ import annotations

from typing import Any

from remote_agents.sandbox.mind.answers import Ask, Brain


def said(brain: Brain, *talk: str, system: str = "", schema: dict[str, Any] | None = None) -> str:
    """The answer to the last of some texts, which the user and the assistant say in turn."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": t} for n, t in enumerate(talk)]
    told = [{"role": "system", "content": system}] if system else []
    return brain.answer(Ask([*told, *messages], schema=schema)).text
