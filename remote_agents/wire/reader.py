"""Frames in, events out: what one answer says, and whether it is whole. No I/O."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

from remote_agents.callers import warn_of_turn
from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    RemoteFailureError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import Decode
from remote_agents.json_types import JsonObject
from remote_agents.raised_in import raised_in
from remote_agents.service import Endpoint
from remote_agents.types import Event, Finish, Info, ReasoningDelta, Reply, TextDelta, Unknown
from remote_agents.wire.events import SILENT, is_answer, is_silent
from remote_agents.wire.failures import Context, body_failure, reported_failure
from remote_agents.wire.frames import ClassifiedFrames, classify, data_of, is_end, piece_in
from remote_agents.wire.json import rest_of
from remote_agents.wire.parsing import excerpt, json_or_text, mended, parse_leniently, strictly
from remote_agents.wire.plain_text import classify_text, decoder_of
from remote_agents.wire.raw import RawFields
from remote_agents.wire.sse import Frame
from remote_agents.wire.stops import StopCutter
from remote_agents.wire.surrogates import SurrogateJoiner
from remote_agents.wire.tool_arguments import whole_calls
from remote_agents.wire.unknown_frames import TYPE_KEYS, answer_in, text_in

logger = logging.getLogger(__name__)


class EmptyAnswerWarning(UserWarning):
    """The service announced the end of an answer, and there was nothing in it."""


class Reader:
    """Frames in, events out: parses, decodes, folds, and knows when the answer is whole.

    Args:
        decode: From a frame to its events.
        reply: What they are folded into.
        endpoint: The facts of the service.
        context: What errors are made with.
        stop: Sequences that end the text, where the service knows none.
        coalesce: Join deltas that arrived together.
        unknown_frames: Whether a frame of unknown shape that may hold text is an error.
        max_event_bytes: The largest event accepted.
        max_body_bytes: The largest answer accepted.

    Attributes:
        frames: Number of events of the answer that were read.
        keep_alives: Number of frames that said only that the connection stands.
        not_understood: Number of frames that were not understood.
        complete: Whether a terminal event has been seen.
        over: Whether the service said that nothing follows.
        cut: Whether a stop sequence ended the text.
        leave_at: When to stop listening to an answer that is whole.
        failure: What was wrong with the last frames.
    """

    frames = 0
    keep_alives = 0
    not_understood = 0
    complete = False
    over = False
    cut = False
    leave_at = math.inf
    failure: AgentError | None = None
    _halves: SurrogateJoiner | None = None

    def __init__(
        self,
        decode: Decode,
        reply: Reply,
        endpoint: Endpoint,
        *,
        context: Context,
        stop: tuple[str, ...] = (),
        coalesce: bool = True,
        unknown_frames: str = "error",
        max_event_bytes: int = 8 << 20,
        max_body_bytes: float = 64 << 20,
    ) -> None:
        self.sse = decoder_of(endpoint.plain_text, max_event_bytes)
        self.reply = reply
        self._decode = decode
        self._endpoint = endpoint
        self._context = context
        self._coalesce = coalesce
        self._counts_unknown = unknown_frames == "count"
        self._cutter = StopCutter(stop) if stop else None
        self._room = max_body_bytes
        self._raw = RawFields(reply.raw)
        sort = classify_text if endpoint.plain_text else classify
        self._classify = partial(sort, named=endpoint.event_names)
        self._textless = [*endpoint.textless]  # to look for types that are no texts, too

    @property
    def phase(self) -> str:
        """Which limit runs: for the first event, or between two."""
        return "idle" if self.frames else "first_event"

    # --- bytes and bodies --------------------------------------------------------------------

    def take(self, chunk: bytes) -> list[Event]:
        """The events of the next bytes; a failure among them is kept until `check`."""
        frames: list[Frame] = []
        too_large: StreamProtocolError | None = None
        try:
            self.sse.feed(chunk, frames)
        except StreamProtocolError as error:
            too_large = error  # what came before it is the caller's
        events = self.take_classified(self._classify(frames))
        if too_large is not None and not (self.failure or self.over or self.cut):
            self.failure = too_large
        self._room -= len(chunk)
        if self._room < 0 and not self.complete:
            self.failure = self.failure or StreamProtocolError(
                f"{self._endpoint.title}: the answer is larger than max_body_bytes; it was cut "
                "off. Raise max_body_bytes if that is expected."
            )
        return events

    def take_classified(self, frames: ClassifiedFrames) -> list[Event]:
        """The events of some frames that arrived together; a failure among them is kept."""
        events: list[Event] = []
        if self.over or self.cut:
            return events
        self.keep_alives += frames.keep_alives
        try:
            self._decode_all(frames.answers, events)
            if frames.last is not None and not self.cut:
                self._take_last(*frames.last, events)
        except AgentError as error:
            self.failure = error
        if len(events) < 2 or not self._coalesce:
            return events
        joined: list[Event] = []
        for kind, run in groupby(events, type):
            if kind is TextDelta or kind is ReasoningDelta:
                joined.append(kind("".join(map(_TEXT, run))))
            else:
                joined.extend(run)
        return joined

    def take_rest(self) -> list[Event]:
        """The events of what was left when the stream ended; half a frame is no end."""
        frames = self.sse.flush()
        events = self.take_classified(self._classify(frames)) if frames else []
        if self.sse.was_cut and isinstance(self.failure, StreamProtocolError):
            self.failure = None if self.complete else self._interrupted(frames)
        return events

    def take_body(self, raw: bytes) -> list[Event]:
        """The events of a body that is said to be JSON: one value, or after all lines of it."""
        try:
            value = strictly(raw)
        except ValueError:
            try:
                value = parse_leniently(raw)
            except ValueError:
                return self._take_lines(raw)
            self.sse.has_halves = True
        return self.take_whole(value)

    def take_whole(self, data: object) -> list[Event]:
        """The events of a whole JSON answer."""
        if failure := body_failure(data, context=self._context, whole=True):
            self.frames += 1
            failure.begun = not self._endpoint.refused(data)
            raise failure
        events: list[Event] = []
        self._decode_all([data], events)
        return events

    def _take_lines(self, raw: bytes) -> list[Event]:
        events = self.take_classified(self._classify([*self.sse.feed(raw), *self.sse.flush()]))
        if not self.frames:
            self.failure = StreamProtocolError(
                f"{self._endpoint.title} sent a body that is not whole JSON: {excerpt(raw)}."
            )
        return events

    def check(self) -> None:
        """Raise the failure that came with the last frames, now that their events are out."""
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # an error that knows its frame, and the frame it: garbage

    # --- the end -----------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The stream has ended: the last events, or an error if the answer is not whole."""
        reply, rest = self.reply, self._held_back()
        events: list[Event] = [TextDelta(rest)] if rest else []
        if not self._endpoint.tools:  # else its decoder knows whose an open call is
            events += whole_calls(reply)
        for event in events:
            reply.add(event)
        reply.withheld = ""
        if not self.complete and not self._may_end_here():
            raise self._interrupted()
        if not self.cut and not is_answer(reply):
            self._note_emptiness()
        if self.keep_alives or self.not_understood:
            logger.debug(
                "%s: %d keep-alives, %d frames of a kind unknown to us",
                self._endpoint.title,
                self.keep_alives,
                self.not_understood,
            )
        reply.close()
        counted = [] if reply.usage is None else [reply.usage]
        return [*events, *counted, Finish(reply.finish_reason or "stop", reply)]

    def _held_back(self) -> str:
        """What was held back, now that nothing follows."""
        rest = self._halves.rest() if self._halves is not None else ""
        if self._cutter is None or self.cut:
            return "" if self.cut else rest
        return self._cutter.rest() + rest

    def _interrupted(self, rest: Sequence[Frame] = ()) -> StreamInterruptedError:
        words = f": {excerpt(rest[-1][1])}" if rest and not self.frames else ""
        return StreamInterruptedError(
            f"{self._endpoint.title}: the answer ended before it was whole "
            f"({self.frames} events received{words}). The turn may have run; it was not repeated."
        )

    def _may_end_here(self) -> bool:
        reply = self.reply
        said = reply.text or reply.interrupts or reply.tool_calls
        return self._endpoint.eof_ends and bool(said) and not reply.more_expected

    def _note_emptiness(self) -> None:
        title = self._endpoint.title
        if self.not_understood:
            raise StreamProtocolError(
                f"{title}: nothing of the answer was understood; {self.not_understood} frames were "
                "of an unknown shape."
            )
        warn_of_turn(f"{title} gave an empty answer.", EmptyAnswerWarning)

    # --- frames ------------------------------------------------------------------------------

    def _decode_all(self, values: Sequence[Any], events: list[Event]) -> None:
        """Decode and fold frame by frame: the decoding of the next one sees what one adds."""
        decode, reply = self._decode, self.reply
        fold_text = reply.pieces.append
        plain = self._cutter is None and not self.sse.has_halves
        self._raw.take(map(data_of, values) if self._endpoint.event_names else values)
        try:
            for value in values:
                told = decode(value, reply)
                reply.begun = True
                if plain and len(told) == 1 and type(event := told[0]) is TextDelta:
                    fold_text(event.text)  # most frames of most answers, without a call
                    events.append(event)
                    self.frames += 1
                else:
                    self._fold(value, told, events)
                    if self.cut:
                        break
        except RemoteFailureError as error:
            raise self._failed(error) from None
        except (AgentError, Warning):  # a warning, where the caller wants them raised
            raise
        except Exception as error:
            raise self._undecoded(error) from error
        finally:
            reply.pieces.tidy()
            self.complete = self.cut or reply.finish_reason is not None

    def _fold(self, value: object, told: Sequence[Event], events: list[Event]) -> None:
        """Fold the events of one frame; those that are shown are added to `events`."""
        reply = self.reply
        for event in self._whole_letters(told) if self.sse.has_halves else told:
            if self.cut and type(event) not in SILENT:
                continue  # a whole answer has ids and usage behind its text
            if type(event) is TextDelta and self._cutter is not None:
                event = TextDelta(self._cutter.take(event.text))
                self.cut = self._cutter.found and not self._endpoint.chains  # needs its end
                self._counts_unknown |= self._cutter.found  # behind it no text is lost
                reply.withheld = self._cutter.held
            reply.add(event)
            if type(event) not in SILENT:
                events.append(event)
        if self.cut:
            reply.finish_reason = "stop"
        if told and type(told[0]) is TextDelta:
            self.frames += 1
        else:
            self._check_silence(value, told)

    def _whole_letters(self, told: Sequence[Event]) -> Sequence[Event]:
        self._halves = self._halves or SurrogateJoiner()
        return self._halves.join(told)

    def _take_last(self, name: str | None, value: Any, events: list[Event]) -> None:
        """Take a frame behind which nothing is read: the end, or what broke the answer."""
        if type(value) is bytes and name != "error" and not is_end(value):
            raise self._unreadable(value)
        self.frames += 1
        if name == "error":
            raise self._named_error(value)
        if type(value) is dict:
            if piece := piece_in(value):
                named = name and self._endpoint.event_names
                self._decode_all([{"event": name, "data": piece} if named else piece], events)
            raise self._failure(value)
        self.over = self.complete = True

    def _undecoded(self, error: Exception) -> StreamProtocolError:
        """What a service's own code made of it: no more of that than where, it may be a secret."""
        self.reply.begun = True
        return StreamProtocolError(
            f"{self._endpoint.title} sent what its decoder cannot read "
            f"({type(error).__name__}{raised_in(error)}). The turn was not repeated."
        )

    def _unreadable(self, data: bytes) -> StreamProtocolError:
        self.reply.begun = True
        return StreamProtocolError(
            f"{self._endpoint.title} sent a frame that cannot be read as JSON: {excerpt(data)}. "
            "The answer may miss a part; the turn was not repeated."
        )

    def _check_silence(self, value: Any, events: Sequence[Event]) -> None:
        """Count a frame that begins with no text; raise if it may hold some all the same."""
        unknown = [event.data for event in events if type(event) is Unknown]
        typed = type(value) is dict and not TYPE_KEYS.isdisjoint(value)
        empty = typed and "" in (value.get("content"), value.get("delta"))
        known = len(unknown) < len(events) or (typed and not empty and not unknown)
        if known or (unknown and self._is_textless(unknown)):
            self.frames += 1
        else:  # it changes nothing, as a keep-alive does
            self.keep_alives += 1
        if unknown:
            self._check_unknown(unknown, text_in(unknown))
        elif all(map(is_silent, events)):
            lost, reply = answer_in(value), self.reply
            if lost and rest_of(lost, reply.text + reply.withheld):  # a last frame may repeat all
                self._check_unknown([value], lost)

    def _check_unknown(self, unknown: list[Any], lost: str) -> None:
        if self._is_textless(unknown):
            return
        self.not_understood += 1
        if lost and not self._counts_unknown:
            raise StreamProtocolError(
                f"{self._endpoint.title} sent a frame of an unknown shape that may hold a part of "
                f"the answer: {excerpt(unknown)}. The turn was not repeated. Pass "
                "unknown_frames='count' to go on without such frames."
            )

    def _is_textless(self, unknown: list[Any]) -> bool:
        """Whether the service is known to send frames of these types beside the answer."""
        kinds = [data.get("type") if isinstance(data, dict) else None for data in unknown]
        return all(kind in self._textless for kind in kinds)

    # --- failures ----------------------------------------------------------------------------

    def _failure(self, data: JsonObject) -> AgentError:
        failure = reported_failure(data, self._context, whole=not self.reply.begun)
        failure.begun = True  # whoever sends events has taken the request
        return failure

    def _failed(self, error: RemoteFailureError) -> AgentError:
        """The failure that a decoder found in a frame, which may hold ids and a piece of text."""
        self.reply.beside.append(mended(error.partial))
        self.reply.add(Info(conversation_id=error.conversation_id, request_id=error.request_id))
        failure = self._failure({"error": {"code": error.code, "message": str(error)}})
        if error.body is not None and isinstance(failure, (RemoteFailureError, AgentStatusError)):
            failure.body = mended(error.body)
        return failure

    def _named_error(self, value: object) -> AgentError:
        """The failure of an `event: error`, whatever its data is."""
        said = json_or_text(value) if type(value) is bytes else value
        return self._failure(said if type(said) is dict and said.get("error") else {"error": said})


_TEXT = attrgetter("text")
