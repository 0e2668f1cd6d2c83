"""Frames in, events out: what one answer says, and whether it is whole. No I/O."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from remote_agents.errors import AgentError, RemoteFailureError, StreamInterruptedError
from remote_agents.flow import Decode
from remote_agents.service import Endpoint
from remote_agents.types import (
    Event,
    Finish,
    Info,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallDelta,
    Unknown,
    Usage,
)
from remote_agents.wire.failures import body_failure, frame_fails, reported_failure
from remote_agents.wire.raw import RawFields
from remote_agents.wire.sse import Frame, SSEDecoder
from remote_agents.wire.stops import StopCutter

logger = logging.getLogger(__name__)
DONE = b"[DONE]"


class Reader:
    """Frames in, events out: parses, decodes, folds, and knows when the answer is whole."""

    def __init__(
        self,
        decode: Decode,
        reply: Reply,
        endpoint: Endpoint,
        *,
        context: Mapping[str, str],
        stop: tuple[str, ...] = (),
        coalesce: bool = True,
        max_event_bytes: int = 8 << 20,
    ) -> None:
        self.sse = SSEDecoder(max_event_bytes)
        self.reply = reply
        self.frames = 0
        self.unknown = 0  # frames that are not JSON
        self.over = False
        self.cut = False
        self.leave_at = math.inf  # when to stop listening to an answer that is whole
        self.failure: AgentError | None = None
        self._decode = decode
        self._endpoint = endpoint
        self._context = context
        self._coalesce = coalesce
        self._cutter = StopCutter(stop) if stop else None
        self._raw = RawFields(reply.raw)

    @property
    def complete(self) -> bool:
        """Whether a terminal event has been seen."""
        return self.over or self.cut or self.reply.finish_reason is not None

    @property
    def phase(self) -> str:
        """Which limit runs: for the first event, or between two."""
        return "idle" if self.frames else "first_event"

    def take(self, frames: list[Frame]) -> list[Event]:
        """The events of some frames that arrived together; a failure among them is kept."""
        events: list[Event] = []
        try:
            for name, data in frames:
                if self.over or self.cut:
                    break
                if len(data) < 16 and data.strip() == DONE:
                    self.frames += 1
                    self.over = True
                elif name == "error":
                    raise self._named_error(data)
                elif name != "ping":
                    self._take_json(data, events)
        except AgentError as error:
            self.failure = error
        return coalesce(events) if len(events) > 1 and self._coalesce else events

    def take_rest(self) -> list[Event]:
        """The events of what was left when the stream ended; half a frame is no end."""
        known = self.unknown
        events = self.take(self.sse.flush())
        if self.unknown > known:
            self.reply.more_expected = True
        return events

    def check(self) -> None:
        """Raise the failure that came with the last frames, now that their events are out."""
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # an error that knows its frame, and the frame it: garbage

    def take_whole(self, data: Any) -> list[Event]:
        """The events of a whole JSON answer."""
        self.frames += 1
        if failure := body_failure(data, context=self._context, whole=True):
            failure.begun = not self._endpoint.refuses(data)
            raise failure
        events: list[Event] = []
        self._decode_into(data, events)
        return events

    def finish(self) -> list[Event]:
        """The stream has ended: the last events, or an error if the answer is not whole."""
        reply = self.reply
        events: list[Event] = []
        if self._cutter is not None and not self.cut and (rest := self._cutter.rest()):
            events.append(TextDelta(rest))
            reply.add(events[0])
            reply.withheld = ""
        if not self.complete and not self._may_end_here():
            raise StreamInterruptedError(
                f"{self._endpoint.title}: the answer ended before it was whole "
                f"({self.frames} events received). The turn may have run; it was not repeated."
            )
        self._log_unknown()
        reply.close()
        if reply.usage is not None:
            events.append(reply.usage)
        return [*events, Finish(reply.finish_reason or "stop", reply)]

    def _log_unknown(self) -> None:
        strange = sum(isinstance(step, Unknown) for step in self.reply.steps)
        if self.unknown or strange:
            logger.debug(
                "%s: %d frames were not JSON, %d of a kind unknown to us",
                self._endpoint.title,
                self.unknown,
                strange,
            )

    def _may_end_here(self) -> bool:
        reply = self.reply
        return self._endpoint.eof_ends and bool(reply.text) and not reply.more_expected

    def _take_json(self, data: bytes, events: list[Event]) -> None:
        try:
            value = from_json(data, cache_strings="keys")
        except ValueError:
            value = _lenient_json(data)
            if value is None:
                self.unknown += 1
                return
        self.frames += 1
        if type(value) is dict and ("choices" not in value or "error" in value):
            self._check_frame(value)
        self._decode_into(value, events)

    def _check_frame(self, value: dict[str, Any]) -> None:
        if frame_fails(value):
            raise self._failure(value)

    def _decode_into(self, value: Any, events: list[Event]) -> None:
        """Decode and fold one frame; what it adds to is seen by the decoding of the next."""
        reply = self.reply
        self._raw.take(value)
        try:
            decoded = self._decode(value, reply)
        except RemoteFailureError as error:
            raise self._failure({"error": {"code": error.code, "message": str(error)}}) from None
        reply.begun = True
        for event in decoded:
            if self.cut and type(event) not in _SILENT:
                continue  # a whole answer has ids and usage behind its text
            if type(event) is TextDelta and self._cutter is not None:
                event = TextDelta(self._cutter.take(event.text))
                self.cut = self._cutter.found
                reply.withheld = self._cutter.held
            reply.add(event)
            if type(event) not in _SILENT:
                events.append(event)
        if self.cut:
            reply.finish_reason = "stop"

    def _failure(self, data: dict[str, Any]) -> AgentError:
        failure = reported_failure(data, self._context, whole=not self.reply.begun)
        failure.begun = True  # whoever sends events has taken the request
        return failure

    def _named_error(self, data: bytes) -> AgentError:
        """The failure of an `event: error`, whatever its data is."""
        value = json_or_text(data)
        self.frames += 1
        return self._failure(
            value if isinstance(value, dict) and value.get("error") else {"error": value}
        )


# Folded into the reply, not shown on the way; usage is shown once, at the end.
_SILENT = frozenset({Info, ToolCallDelta, Usage})


def coalesce(events: list[Event]) -> list[Event]:
    """Join neighbouring text deltas, and neighbouring reasoning deltas; keep the order."""
    joined: list[Event] = []
    run: list[str] = []
    kind: type | None = None
    for event in events:
        if type(event) is not kind:
            _flush(kind, run, joined)
            kind, run = None, []
        if type(event) is TextDelta or type(event) is ReasoningDelta:
            kind = type(event)
            run.append(event.text)
        else:
            joined.append(event)
    _flush(kind, run, joined)
    return joined


def _flush(kind: type | None, run: list[str], joined: list[Event]) -> None:
    if kind is not None and run:
        joined.append(kind("".join(run)))


def json_or_text(raw: bytes) -> Any:
    """The JSON value of a body, else its text."""
    try:
        return from_json(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _lenient_json(data: bytes) -> Any:
    """JSON with bytes that are not UTF-8, or with half of a surrogate pair."""
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return _mended(value) if isinstance(value, (dict, list)) else None


def _mended(value: Any) -> Any:
    """The value with texts that can be encoded again."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
