"""Streams that are almost right: a right one of some service, with one mutation.

`python -m tests.fuzz.almost_right 1000000 [SEED]` reads so many of them. The oracle: the text is
whole, or an error is raised, or the mutation was in a text, so that nobody could see it.
"""

import json
import random
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from remote_agents import AgentError, EmptyAnswerWarning
from remote_agents.wire.reader import Reader
from tests.fuzz.right_streams import (
    AGENTS,
    Almost,
    right,
)

# --- mutations of a frame ----------------------------------------------------------------------


def said_in(stream: Almost, rng: random.Random) -> tuple[int, int, int] | None:
    """A frame with a text, and where in it the literal of the text is."""
    found = []
    for place, frame in enumerate(stream.frames):
        for key in ('"content": "', '"delta": "'):
            at = frame.find(key)
            if at >= 0:
                begin = at + len(key)
                end = begin
                while frame[end] != '"':
                    end += 2 if frame[end] == "\\" else 1
                if end > begin:
                    found.append((place, begin, end))
    return rng.choice(found) if found else None


def cut(stream: Almost, rng: random.Random) -> Almost:
    """A frame without its end."""
    place = rng.randrange(len(stream.frames))
    frame = stream.frames[place]
    stream.frames[place] = frame[: rng.randrange(1, len(frame))]
    return stream


def gone(stream: Almost, rng: random.Random) -> Almost:
    """The rest of the stream is missing, from anywhere."""
    data = stream.data()
    stream.raw = data[: rng.randrange(1, len(data))]
    return stream


def raw_break(stream: Almost, rng: random.Random) -> Almost:
    """A raw line break, or several, in the text of a frame."""
    if (said := said_in(stream, rng)) is None:
        return stream
    place, begin, end = said
    frame, breaks = stream.frames[place], rng.choice(["\n", "\n\n", "\n\n\n", "\r\n", "\r"])
    literal = frame[begin:end]
    spot = rng.choice([0, len(literal)])
    text = stream.text or ""
    whole = json.loads(f'"{literal}"')
    line = breaks if stream.is_body else breaks.replace("\r\n", "\n").replace("\r", "\n")
    wanted = line + whole if spot == 0 else whole + line
    stream.frames[place] = frame[: begin + spot] + breaks + frame[begin + spot :]
    assert whole in text
    stream.text = None if text.count(whole) > 1 else text.replace(whole, wanted)
    return stream


def raw_controls(stream: Almost, rng: random.Random) -> Almost:
    """What JSON escapes, not escaped: tabs and line breaks in every text."""
    for escaped, plain in (("\\n", "\n"), ("\\t", "\t")):
        stream.frames = [
            plain.join(frame.split(escaped)) if "\\\\" not in frame else frame
            for frame in stream.frames
        ]
    return stream


def one_newline(stream: Almost, rng: random.Random) -> Almost:
    """Frames that one newline parts."""
    places = range(len(stream.behind))
    for place in places if rng.random() < 0.5 else [rng.choice(places)]:
        stream.behind[place] = "\n"
    return stream


def no_newline(stream: Almost, rng: random.Random) -> Almost:
    """Two frames on one line."""
    stream.behind[rng.randrange(len(stream.behind))] = ""
    return stream


def no_prefix(stream: Almost, rng: random.Random) -> Almost:
    """A frame without `data:`, or with another word there."""
    place = rng.randrange(len(stream.before))
    stream.before[place] = rng.choice(["", "  ", "date: ", "Data: ", "data ", "data; ", "data: x"])
    return stream


def plain_text(stream: Almost, rng: random.Random) -> Almost:
    """A text as it is, where its frame should be."""
    if (said := said_in(stream, rng)) is not None:
        place, begin, end = said
        stream.frames[place] = "as " + stream.frames[place][begin:end]
    return stream


def other_shape(stream: Almost, rng: random.Random) -> Almost:
    """A text under another key, or in another shape."""
    if (said := said_in(stream, rng)) is not None:
        place, begin, end = said
        literal = stream.frames[place][begin:end]
        shapes = ('{"text": "%s"}', '{"delta": {"text": "%s"}}', '{"choices": [{"text": "%s"}]}')
        shapes += ('{"answer": "%s", "event": "message"}', '{"type": "delta", "value": "%s"}')
        shapes += ('["%s"]', '"as %s"', '{"choices": [{"delta": {"parts": ["%s"]}}]}')
        shapes += ('{"type": "TEXT_MESSAGE_CONTENT", "message": "%s"}', '{"data": [{"x": "%s"}]}')
        stream.frames[place] = rng.choice(shapes) % literal
    return stream


def keep_alives(stream: Almost, rng: random.Random) -> Almost:
    """Something between the frames that says nothing."""
    nothing = [": ping\n\n", "data: \n\n", "data: ping\n\n", 'data: {"type":"ping"}\n\n', "\n\n"]
    nothing += ["event: heartbeat\ndata: {}\n\n", "data: null\n\n", "data: 7\n\n", "retry: 5\n"]
    nothing += ['data: "PONG"\n\n', "data:{}\n\n", "event: keep-alive\n\n", "id: 3\n\n"]
    place = rng.randrange(len(stream.before))
    stream.before[place] = rng.choice(nothing) + stream.before[place]
    return stream


def half_letters(stream: Almost, rng: random.Random) -> Almost:
    """A frame cut in two in the middle of a letter, as JavaScript does."""
    for place, frame in enumerate(stream.frames if not stream.is_body else ()):
        at = frame.find("\\ud83c\\udfd6")
        if at >= 0:
            tail = frame.find('"', at)
            head_part = frame[: at + 6] + frame[tail:]
            begin = frame.rfind('": "', 0, at) + 4
            tail_part = frame[:begin] + frame[at + 6 :]
            stream.frames[place : place + 1] = [head_part, tail_part]
            stream.before.insert(place, stream.before[place])
            stream.behind.insert(place, stream.behind[place])
            break
    return stream


def line_ends(stream: Almost, rng: random.Random) -> Almost:
    """Other line ends, and a byte order mark."""
    end = rng.choice(["\r\n", "\r"])
    stream.before = [part.replace("\n", end) for part in stream.before]
    stream.behind = [part.replace("\n", end) for part in stream.behind]
    stream.before[0] = rng.choice(["", "\ufeff"]) + stream.before[0]
    return stream


def over_lines(stream: Almost, rng: random.Random) -> Almost:
    """Pretty-printed JSON, over several data lines or bare."""
    bare = rng.random() < 0.5
    for place, frame in enumerate(stream.frames):
        if frame[0] == "{":
            pretty = json.dumps(json.loads(frame), indent=1)
            stream.before[place] = "" if bare else "data: "
            stream.frames[place] = pretty if bare else pretty.replace("\n", "\ndata: ")
    return stream


# A colon at the beginning of a line makes a comment of it, in which there is no text.
COMMENT = re.compile(rb"(?:^|[\r\n]):[^\r\n]*\{")


def one_byte(stream: Almost, rng: random.Random) -> Almost:
    """One byte gone, changed or added, anywhere."""
    data, spots = b"", []
    for part in stream.parts():
        for key in ('"content": "', '"delta": "'):
            at = part.find(key)
            if at >= 0:
                begin = end = at + len(key)
                while part[end] != '"':
                    end += 2 if part[end] == "\\" else 1
                before = len(data) + len(part[:begin].encode())
                spots.append((before, before + len(part[begin:end].encode())))
        data += part.encode()
    at, how = rng.randrange(len(data)), rng.randrange(3)
    other = bytes([rng.choice([rng.randrange(256), *b'"{}[],:\\\n\r aeiou0'])])
    stream.raw = data[:at] + (other if how else b"") + data[at + (how != 2) :]
    hidden = (b'"index"', b'"messageId"', b'"threadId"')  # what chooses another answer
    inside = any(begin <= at <= end - (how != 2) for begin, end in spots)
    chosen = any(data.rfind(word, 0, at + 1) > data.rfind(b",", 0, at) for word in hidden)
    if inside or chosen or COMMENT.search(stream.raw):
        stream.text = None
    return stream


MUTATIONS: tuple[Callable[[Almost, random.Random], Almost], ...] = (
    cut, gone, raw_break, raw_controls, one_newline, no_newline, no_prefix, plain_text,
    other_shape, keep_alives, half_letters, line_ends, over_lines, one_byte, one_byte, one_byte,
)  # fmt: skip
# After these the text is there, and nothing else will do.
READABLE = frozenset(
    {"raw_break", "raw_controls", "one_newline", "keep_alives", "half_letters", "line_ends"}
    | {"over_lines", "none"}
)


def almost_right(rng: random.Random) -> Almost:
    """A right stream with one mutation."""
    mutate = rng.choice(MUTATIONS)
    return replace(mutate(right(rng), rng), mutation=mutate.__name__)


# --- reading -----------------------------------------------------------------------------------


def chunks(data: bytes, rng: random.Random) -> list[bytes]:
    """The bytes as some reads bring them."""
    borders = sorted(rng.sample(range(len(data) + 1), min(rng.choice([0, 1, 9]), len(data))))
    return [data[a:b] for a, b in zip([0, *borders], [*borders, len(data)], strict=True)]


def read(stream: Almost, rng: random.Random) -> tuple[str, AgentError | None]:
    """The text of a stream, and its error if there was one."""
    agent, data = AGENTS[stream.service], stream.data()
    reply = agent.new_reply()
    reader = Reader(agent.endpoint.decode, reply, agent.endpoint, context=agent.context)
    try:
        if stream.is_body and data.lstrip()[:1] in (b"{", b"["):
            reader.take_body(data)
        else:
            for part in chunks(data, rng):
                reader.take(part)
                reader.check()
            reader.take_rest()
        reader.check()
        reader.finish()
    except AgentError as error:
        return reply.text, error
    return reply.text, None


def judge(stream: Almost, rng: random.Random) -> str:
    """How a stream was read; AssertionError if text was lost without an error."""
    text, error = read(stream, rng)
    if stream.text is None:
        return "in a text"
    if error is None:
        assert text == stream.text, (stream.mutation, text, stream.text, stream.data())
        return "whole"
    known = (stream.mutation, error, text, stream.data())
    assert error.__cause__ is None, known  # else the decoder failed
    assert stream.mutation not in READABLE, known
    assert stream.text.startswith(text.rstrip("\ufffd")) or stream.mutation == "one_byte", known
    return "error"


def main(count: int, seed: int) -> None:
    warnings.simplefilter("ignore", EmptyAnswerWarning)
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        stream = almost_right(rng)
        try:
            outcomes[stream.mutation, judge(stream, rng)] += 1
        except BaseException:
            print(f"number {number}, seed {seed}: {stream}", flush=True)
            raise
    for (mutation, outcome), seen in sorted(outcomes.items()):
        print(f"{mutation:14} {outcome:10} {seen:>8}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
