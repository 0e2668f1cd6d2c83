"""Dialogues that several commands have a part in: `ask --session NAME`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from remote_agents.cli.connection import Connect
from remote_agents.client import Client
from remote_agents.errors import ConfigurationError, ConversationNotFoundError
from remote_agents.memory.sql import SQLSessionStore


@contextmanager
def remembered(connect: Connect, session: str, *, anew: bool) -> Iterator[Client]:
    """A client whose sessions the next command knows too; `anew` forgets what is known of one.

    Raises:
        ConfigurationError: The service keeps no conversations, the extra `sql` is missing, or its
            folder cannot be made.
        ConversationNotFoundError: The service has lost the session's conversation.
    """
    endpoint = connect().endpoint
    if endpoint.keeps == "none":
        raise ConfigurationError(
            f"{endpoint.title} keeps no conversation that a second command could go on "
            "with; `remote-agents chat` sends the dialogue again each time."
        )
    folder = _state_folder() / "remote-agents"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"Sessions cannot be kept in {folder} ({error.strerror}): see to that folder, or leave "
            "--session out."
        ) from error
    store = SQLSessionStore(f"sqlite:///{folder / 'sessions.sqlite'}")
    with closing(store), connect(session_store=store) as client:
        if anew:
            client.forget(session)
        try:
            yield client
        except ConversationNotFoundError as error:
            raise _with_what_to_do(error) from error


def _with_what_to_do(error: ConversationNotFoundError) -> ConversationNotFoundError:
    return ConversationNotFoundError(
        f"{error} On the command line, --session NAME --new begins it anew.",
        endpoint=error.endpoint,
        conversation_id=error.conversation_id,
        request_id=error.request_id,
    )


def _state_folder() -> Path:
    """Where the system wants a program to keep what it remembers of its user."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
