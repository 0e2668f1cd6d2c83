"""What goes over the wire of one agent, told to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from remote_agents.flow import Send
from remote_agents.recording.transcript import Interaction, origin_of

if TYPE_CHECKING:
    from remote_agents.http.transport import Transport


class RecordingTransport:
    """Stands before a transport, and notes what it sends and reads.

    Args:
        transport: What sends.
        interactions: Takes what is noted, in the order in which it is begun.
    """

    def __init__(self, transport: Transport, interactions: list[Interaction]) -> None:
        self.transport = transport
        self._interactions = interactions

    def open_response(self, op: Send) -> RecordedResponse:
        """Send with blocking I/O; the response's headers have arrived."""
        interaction = self._begun(op)
        with _ending(interaction):
            return RecordedResponse(self.transport.open_response(op), interaction)

    async def aopen_response(self, op: Send) -> RecordedAsyncResponse:
        """Send with asyncio; the response's headers have arrived."""
        interaction = self._begun(op)
        with _ending(interaction):
            return RecordedAsyncResponse(await self.transport.aopen_response(op), interaction)

    def close(self) -> None:
        """Give up the shared sync connections."""
        self.transport.close()

    async def aclose(self) -> None:
        """Give up the shared connections of this event loop as well."""
        await self.transport.aclose()

    def _begun(self, op: Send) -> Interaction:
        interaction = Interaction(op.request.method, op.request.path)  # if it never leaves
        self._interactions.append(interaction)
        return interaction


class _Recorded:
    """A response that is being read."""

    def __init__(self, response: Any, interaction: Interaction) -> None:
        self._response = response
        self._interaction = interaction
        self.status, self.headers = response.status, response.headers
        self.asked, self.answered = response.asked, response.answered
        target, interaction.headers, interaction.body = self.asked
        interaction.target = f"{origin_of(interaction.target)}{target}"
        interaction.status, interaction.answer_headers = self.status, self.answered

    def _took(self, piece: bytes | None) -> bytes | None:
        if piece is None:
            self._interaction.end = "whole"
        elif piece:
            self._interaction.pieces.append(piece)
        return piece


class RecordedResponse(_Recorded):
    """A response that is being read with blocking I/O."""

    def read(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end."""
        with _ending(self._interaction):
            return self._took(self._response.read(deadline))

    def release(self) -> None:
        """Free the connection."""
        self._response.release()


class RecordedAsyncResponse(_Recorded):
    """A response that is being read with asyncio."""

    async def aread(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end."""
        with _ending(self._interaction):
            return self._took(await self._response.aread(deadline))

    async def arelease(self) -> None:
        """Free the connection."""
        await self._response.arelease()


@contextmanager
def _ending(interaction: Interaction) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        interaction.end = f"broken, {type(error).__name__}"
        raise
