"""Recording what goes over the wire of an agent, so that it may be shown."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from os import PathLike
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from typing_extensions import Self

from remote_agents.agent import Agent
from remote_agents.recording.anonymizing import Anonymizer
from remote_agents.recording.transcript import Interaction, Transcript
from remote_agents.recording.transport import RecordingTransport
from remote_agents.recording.words import vocabulary
from remote_agents.version import VERSION
from remote_agents.written_files import file_to_write

LIVE = "captured from a running agent"
_LOCK = threading.Lock()  # an agent's recorders may begin and end in several threads


class Recordable(Protocol):
    """A plain client, or a model of either framework."""

    @property
    def agent(self) -> Agent:
        """Where it is, and with which settings it is asked."""


class Recorder:
    """Records what goes over the wire of one agent while it is entered.

    Keys, ids, hosts, mail addresses and texts are replaced in what it gives: the same id by the
    same stand-in, texts by others of the same shape. Kept are the words of the protocol, numbers of
    up to four digits, and where frames and pieces are cut. Look at it before you show it. Several
    may record one agent, and end in any order.

    Args:
        model: A plain client, or a model of either framework.
        source: What is recorded, for whoever reads it.
        keep_text: Whether texts stay as they are; keys, ids, hosts and mail addresses do not.

    Example:
        >>> from remote_agents import MaiAgent, Recorder
        >>> from remote_agents.sandbox import Sandbox
        >>> with Sandbox() as box, MaiAgent(**box.kwargs("maiagent")) as agent:
        ...     with Recorder(agent) as recorder:
        ...         reply = agent.ask("How many vacation days do I get?")
        >>> "vacation" in str(recorder.transcript())
        False
    """

    def __init__(self, model: Recordable, *, source: str = LIVE, keep_text: bool = False) -> None:
        self._agent = model.agent
        self._source = source
        self._keep_text = keep_text
        self._interactions: list[Interaction] = []
        self._entered: list[RecordingTransport] = []

    def __enter__(self) -> Self:
        with _LOCK:
            recording = RecordingTransport(self._agent.transport, self._interactions)
            self._agent.transport = cast(Any, recording)
        self._entered.append(recording)
        return self

    def __exit__(self, *exc: object) -> None:
        recording, before = self._entered.pop(), cast(Any, self._agent)
        with _LOCK:
            while before.transport is not recording:  # others may have begun since, and go on
                before = before.transport
            before.transport = recording.transport

    def transcript(self) -> Transcript:
        """What was recorded so far, with all that is somebody's own replaced."""
        endpoint, agent_id = self._agent.endpoint, self._agent.agent_id
        own = () if agent_id == endpoint.default_agent_id else (agent_id,)
        disguise = Anonymizer(vocabulary(endpoint), keep_text=self._keep_text, never=own)
        told = disguise.transcript(Transcript({}, self._interactions))
        told.facts = {
            "service": endpoint.name,
            "source": " ".join(self._source.split()),
            "recorded": f"{datetime.now(timezone.utc):%Y-%m-%d}, remote-agents {VERSION}",
            "texts": "as they were" if self._keep_text else "stand-ins",
            "root": disguise.target(urlsplit(self._agent.base_url).path or "/"),
            "agent": disguise.text(agent_id) if own else agent_id,
        }
        return told

    def save(self, file: str | PathLike[str]) -> None:
        """Write the transcript to a file; an old one is replaced.

        Raises:
            ConfigurationError: The file is a folder, or in none.
        """
        file_to_write(file).write_text(str(self.transcript()), "utf-8", newline="\n")
