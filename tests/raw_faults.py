"""Answers from raw bytes, as gateways and services really send them, and what must come of each.

Each is written once, for every service, in terms of its own frames.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

from remote_agents import (
    AgentError,
    AuthenticationError,
    QuotaExceededError,
    RemoteFailureError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
)
from tests.raw_server import EVENTS, JSON, Step, head

KEY = "sk-4cf1a9e2b7-secret"
TEXT = "25 vacation days"
BOM = b"\xef\xbb\xbf"
REFUSAL = {"code": "INVALID_CREDENTIALS", "message": "Credentials are invalid"}
EXPIRED = {"error": "invalid_token", "error_description": "The token expired"}
CHALLENGE = 'Bearer realm="x", ' + ", ".join(f'{name}="{said}"' for name, said in EXPIRED.items())
FAILED = "Agent crashed"


@dataclass(frozen=True)
class Frames:
    """How a service writes an answer: `piece` has `%s` where the JSON literal of a text stands."""

    piece: str
    end: tuple[str, ...]
    whole: str

    def of(self, *literals: str) -> list[str]:
        return [self.piece % literal for literal in literals]


OPENAI = Frames(
    '{"id":"x","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}',
    ('{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', "[DONE]"),
    '{"id":"x","choices":[{"index":0,"message":{"content":%s},"finish_reason":"stop"}]}',
)
CLASSIC = Frames(
    '{"type":"text","role":"assistant","content":%s,"finish_reason":"continue","record_id":"r1"}',
    ('{"type":"finish","content":"","finish_reason":"stop","usage":{}}', "[DONE]"),
    '{"type":"text","role":"assistant","content":%s,"finish_reason":"stop","record_id":"r1"}',
)
MAIAGENT = Frames(
    '{"conversationId":"c1","content":%s,"done":false}',
    ('{"conversationId":"c1","content":"","done":true}',),
    '{"conversationId":"c1","content":%s,"done":true}',
)
AG_UI = Frames(
    '{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":%s}',
    ('{"type":"TEXT_MESSAGE_END","messageId":"m1"}', '{"type":"RUN_FINISHED"}'),
    '[{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":%s},{"type":"RUN_FINISHED"}]',
)
SERVICES = {"cloudbase": CLASSIC, "maiagent": MAIAGENT, "ag_ui": AG_UI}


def frames_of(service: str) -> Frames:
    return SERVICES.get(service, OPENAI)


@dataclass(frozen=True)
class Row:
    """What is sent, and what a caller must see of it, in every face.

    Args:
        script: From a service's frames to what the server sends.
        text: The answer; None if it is an error.
        error: Its class.
        partial: The text before it.
        says: What the message must hold.
        code: What `.code` must be.
        empty: Whether there is a warning of an empty answer.
        whole: Whether it is a body of JSON, which AG-UI has not.
    """

    script: Callable[[Frames], list[Step]]
    text: str | None = TEXT
    error: type[AgentError] | None = None
    partial: str = "25 "
    says: str = ""
    code: str | None = None
    empty: bool = False
    whole: bool = False


def sse(*frames: str, parted: str = "\n\n", prefix: str = "data: ") -> bytes:
    return "".join(f"{prefix}{frame}{parted}" for frame in frames).encode()


def sent(body: bytes, kind: str | None = EVENTS, *more: str, status: str = "200 OK") -> list[Step]:
    told = head(kind or "", status, "X-Request-Id: r-1", *more)
    return [told if kind else told.replace(b"Content-Type: \r\n", b""), body]


def said(f: Frames, *literals: str) -> list[str]:
    """The frames of an answer in these pieces."""
    return [*f.of(*literals), *f.end]


def usual(f: Frames) -> list[str]:
    return said(f, '"25 "', '"vacation"', '" days"')


def amid(frame: str) -> Callable[[Frames], list[Step]]:
    """An answer with a frame in it that should not be there, after its first piece."""
    return lambda f: sent(sse(*f.of('"25 "'), frame, *f.of('" days"'), *f.end))


def beside(piece: str, failure: str) -> str:
    """A frame that holds a piece of the answer and reports a failure."""
    return json.dumps({**json.loads(piece), **json.loads(failure)})


def in_two_reads(f: Frames) -> list[Step]:
    data = sse(*said(f, '"Enjoy 🏖 it"'))
    at = data.index("🏖".encode()) + 2
    return [*sent(data[:at]), 0.02, data[at:]]


def pretty(f: Frames) -> bytes:
    return json.dumps(json.loads(f.whole % json.dumps(TEXT)), indent=2).encode()


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


ENCODED = "Transfer-Encoding: chunked"
READ: dict[str, Row] = {
    "as it should be": Row(lambda f: sent(sse(*usual(f)))),
    "a raw line break": Row(
        lambda f: sent(sse(*said(f, '"25\nvacation\n\ndays"'))), "25\nvacation\n\ndays"
    ),
    "a raw tab": Row(
        lambda f: sent(sse(*said(f, '"25\tvacation\x01days"'))), "25\tvacation\x01days"
    ),
    "several data lines": Row(
        lambda f: sent(sse(*(frame.replace(":", ":\ndata: ", 1) for frame in usual(f))))
    ),
    "parted by one newline": Row(lambda f: sent(sse(*usual(f), parted="\n"))),
    "JSON lines": Row(lambda f: sent(sse(*usual(f), prefix="", parted="\n"), "text/plain")),
    "CRLF and a BOM": Row(lambda f: sent(BOM + sse(*usual(f)).replace(b"\n", b"\r\n"))),
    "a pair in two frames": Row(
        lambda f: sent(sse(*said(f, r'"Enjoy \ud83c"', r'"\udfd6 it"'))), "Enjoy 🏖 it"
    ),
    "a letter in two reads": Row(in_two_reads, "Enjoy 🏖 it"),
    "keep-alives": Row(
        lambda f: sent(
            b': hi\n\ndata: {}\n\ndata: null\n\ndata: PING\n\ndata: {"type":"ping"}\n\n'
            b'event: heartbeat\ndata: {"n":1}\n\ndata: 7\n\n' + sse(*usual(f))
        )
    ),
    "pretty JSON as text": Row(lambda f: sent(pretty(f), "text/plain"), whole=True),
    "pretty JSON, no type": Row(lambda f: sent(pretty(f), None), whole=True),
    "pretty JSON as events": Row(lambda f: sent(pretty(f)), whole=True),
    "pretty JSON and a BOM": Row(lambda f: sent(BOM + pretty(f), JSON), whole=True),
    "events as a page": Row(lambda f: sent(sse(*usual(f)), "text/html; charset=utf-8")),
    "events as JSON": Row(lambda f: sent(sse(*usual(f)), JSON)),
    "packed as none": Row(lambda f: sent(sse(*usual(f)), EVENTS, "Content-Encoding: none")),
    "packed as utf-8": Row(lambda f: sent(sse(*usual(f)), EVENTS, "Content-Encoding: utf-8")),
    "a gzip member each": Row(
        lambda f: sent(
            b"".join(gzip.compress(sse(frame)) for frame in usual(f)),
            EVENTS,
            "Content-Encoding: gzip",
        )
    ),
    "chunked twice": Row(lambda f: sent(chunked(sse(*usual(f))), EVENTS, ENCODED, ENCODED)),
    "chunks with extensions": Row(
        lambda f: sent(
            b"".join(b"%x ; a=b\r\n%b\r\n" % (len(sse(frame)), sse(frame)) for frame in usual(f))
            + b"0; a\r\nX-Sum: 1\r\n\r\n",
            EVENTS,
            ENCODED,
        )
    ),
    "identity": Row(lambda f: sent(sse(*usual(f)), EVENTS, "Transfer-Encoding: identity")),
    "chunks and a length": Row(
        lambda f: sent(chunked(sse(*usual(f))), EVENTS, ENCODED, "Content-Length: 99999")
    ),
    "a length twice": Row(
        lambda f: sent(sse(*usual(f)), EVENTS, *[f"Content-Length: {len(sse(*usual(f)))}"] * 2)
    ),
    "nothing said": Row(lambda f: sent(sse(*f.end)), "", empty=True),
}
BROKEN: dict[str, Row] = {
    "a frame that was cut": Row(
        lambda f: sent(sse(*f.of('"25 "'), f.of('"vacation"')[0][:-12], *f.of('" days"'), *f.end)),
        None,
        StreamProtocolError,
        says="vacation",
    ),
    "cut at the end": Row(
        lambda f: sent(sse(*f.of('"25 "')) + sse(*f.of('"vacation"'))[:-14]),
        None,
        StreamInterruptedError,
    ),
    "no end": Row(lambda f: sent(sse(*f.of('"25 "'))), None, StreamInterruptedError),
    "plain text": Row(amid("vacation"), None, StreamProtocolError, says="vacation"),
    "another shape": Row(amid('{"answer":"vacation"}'), None, StreamProtocolError, says="vacation"),
    "another key": Row(
        amid('{"choices":[{"delta":{"text":"vacation"}}]}'),
        None,
        StreamProtocolError,
        says="vacation",
    ),
    "choices of texts": Row(
        amid('{"choices":["vacation"]}'), None, StreamProtocolError, says="vacation"
    ),
    "a choice of text": Row(
        amid('{"choices":"vacation"}'), None, StreamProtocolError, says="vacation"
    ),
    "a text alone": Row(amid('"vacation"'), None, StreamProtocolError, says="vacation"),
    "no success": Row(
        amid('{"success":false,"message":"Agent crashed"}'), None, RemoteFailureError, says=FAILED
    ),
    "a status": Row(
        amid('{"status":"error","message":"Agent crashed"}'), None, RemoteFailureError, says=FAILED
    ),
    "errors": Row(
        amid('{"errors":[{"code":"E7","message":"Agent crashed"}]}'),
        None,
        RemoteFailureError,
        says=FAILED,
        code="E7",
    ),
    "an error beside a piece": Row(
        lambda f: sent(
            sse(*f.of('"25 "'), beside(f.of('"days"')[0], '{"error":{"message":"Agent crashed"}}'))
        ),
        None,
        RemoteFailureError,
        "25 days",
        says=FAILED,
    ),
    "NestJS's": Row(
        amid('{"statusCode":500,"message":"Agent crashed","error":"InternalError"}'),
        None,
        RemoteFailureError,
        says=FAILED,
        code="InternalError",
    ),
    "AgentCore's": Row(
        amid('{"error":"Agent crashed","error_type":"RuntimeError","message":"It failed"}'),
        None,
        RemoteFailureError,
        says="failed: It failed: Agent crashed",
    ),
    "Vercel's": Row(
        amid('{"type":"error","errorText":"Agent crashed"}'),
        None,
        RemoteFailureError,
        says="failed: Agent crashed",
    ),
    "vLLM's": Row(
        amid('{"object":"error","message":"Agent crashed","type":"BadRequestError","code":400}'),
        None,
        RemoteFailureError,
        says=FAILED,
        code="400",
    ),
    "no credit": Row(
        amid('{"statusCode":402,"message":"Agent crashed","error":"CreditsExhaustedError"}'),
        None,
        QuotaExceededError,
        says=FAILED,
        code="CreditsExhaustedError",
    ),
    "an error event": Row(
        lambda f: sent(sse(*f.of('"25 "')) + b"event: error\ndata: Agent crashed\n\n"),
        None,
        RemoteFailureError,
        says=FAILED,
    ),
    "plain words alone": Row(
        lambda f: sent(b"upstream connect error\x1b[31m or reset before headers", "text/plain"),
        None,
        StreamInterruptedError,
        "",
        says="(0 events received: upstream connect error[31m or reset before headers)",
    ),
    "plain words, as JSON": Row(
        lambda f: sent(f"no healthy upstream for {KEY}".encode(), JSON),
        None,
        StreamInterruptedError,
        "",
        says="(0 events received: no healthy upstream for [key])",
    ),
    "plain words and more": Row(
        lambda f: sent(b"no healthy upstream " + b"x " * 999, EVENTS),
        None,
        StreamInterruptedError,
        "",
        says="(0 events received: no healthy upstream " + "x " * 90 + "...)",
    ),
    "a page as events": Row(
        lambda f: sent(b"<!doctype html>\n<html><title>Sign in</title></html>"),
        None,
        StreamProtocolError,
        "",
        says="Sign in",
    ),
    "a refusal as text": Row(
        lambda f: sent(json.dumps(REFUSAL, indent=2).encode(), "text/plain", status="401 No"),
        None,
        AuthenticationError,
        "",
        says="Credentials are invalid",
        code="INVALID_CREDENTIALS",
    ),
    "a refusal as events": Row(
        lambda f: sent(b"event: error\n" + sse(json.dumps(REFUSAL)), status="401 No"),
        None,
        AuthenticationError,
        "",
        says="Credentials are invalid",
        code="INVALID_CREDENTIALS",
    ),
    "OAuth's refusal": Row(
        lambda f: sent(json.dumps(EXPIRED).encode(), JSON, status="401 No"),
        None,
        AuthenticationError,
        "",
        says="The token expired",
        code="invalid_token",
    ),
    "OAuth's refusal as a challenge": Row(
        lambda f: sent(b"", None, f"WWW-Authenticate: {CHALLENGE}", status="401 No"),
        None,
        AuthenticationError,
        "",
        says="The token expired",
        code="invalid_token",
    ),
    "a refusal as a page": Row(
        lambda f: sent(b"<html><title>Bad Gateway</title>", "text/plain", status="502 No"),
        None,
        ServerError,
        "",
        says="Bad Gateway",
    ),
    "a chunk of no size, in one read": Row(
        lambda f: [b"".join(sent(chunked(sse(*f.of('"25 "')))[:-5] + b"zz\r\n", EVENTS, ENCODED))],
        None,
        StreamProtocolError,
    ),
    "two lengths": Row(
        lambda f: sent(sse(*usual(f)), EVENTS, "Content-Length: 9", "Content-Length: 8"),
        None,
        StreamProtocolError,
        "",
    ),
}
ROWS = {**READ, **BROKEN}
