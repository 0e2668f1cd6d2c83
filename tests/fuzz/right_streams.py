"""Right streams of each service, in parts that a mutation can take hold of."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from remote_agents.agent import Agent
from remote_agents.services import ENDPOINTS

WORDS = (
    *("25 ", "vacation", " days", "größe", "休暇は", '"', "}\n", "\n\n", "{[", "\\", "🏖"),
    *("a: b\n", "\t", ", ", "data", "[1]", "x = {}\n\n", "…", "👩\u200d👧", "\u2028", "null", "!"),
)
SETTINGS: dict[str, dict[str, str]] = {
    "bluenexus": {},
    "private_ai": {"agent_id": "a", "base_url": "https://h"},
    "cloudbase": {"agent_id": "bot-1", "env_id": "e"},
    "cloudbase_openai": {"agent_id": "bot-1", "env_id": "e"},
    "maiagent": {"agent_id": "a"},
}
AGENTS = {
    name: Agent(ENDPOINTS[name], api_key="k", **settings) for name, settings in SETTINGS.items()
}


def openai(pieces: list[str]) -> list[Any]:
    def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    said = [chunk({"content": piece}) for piece in pieces]
    return [chunk({"role": "assistant", "content": ""}), *said, chunk({}, "stop")]


def minimal(pieces: list[str]) -> list[Any]:
    return [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]


def classic(pieces: list[str]) -> list[Any]:
    said = {"type": "text", "record_id": "r", "model": "m", "role": "assistant"}
    end = {"type": "finish", "record_id": "r", "content": "", "usage": {"promptTokens": 1}}
    frames = [{**said, "content": piece, "finish_reason": "continue"} for piece in pieces]
    return [*frames, {**end, "finish_reason": "stop"}]


def ag_ui(pieces: list[str]) -> list[Any]:
    said = [{"type": "TEXT_MESSAGE_CONTENT", "delta": piece} for piece in pieces]
    begin = [{"type": "RUN_STARTED", "threadId": "t"}, {"type": "TEXT_MESSAGE_START"}]
    return [*begin, *said, {"type": "TEXT_MESSAGE_END"}, {"type": "RUN_FINISHED"}]


def maiagent(pieces: list[str]) -> list[Any]:
    said = [{"conversationId": "c", "content": piece, "done": False} for piece in pieces]
    return [*said, {"conversationId": "c", "content": "", "done": True}]


def whole_openai(pieces: list[str]) -> list[Any]:
    message = {"role": "assistant", "content": "".join(pieces)}
    return [{"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}]


def whole_maiagent(pieces: list[str]) -> list[Any]:
    return [{"conversationId": "c", "content": "".join(pieces), "done": True}]


BODIES: list[tuple[str, Callable[[list[str]], list[Any]]]] = [
    ("bluenexus", whole_openai),
    ("private_ai", whole_openai),
    ("cloudbase_openai", whole_openai),
    ("maiagent", whole_maiagent),
]
# The service, its frames, and whether `[DONE]` follows them.
SHAPES: list[tuple[str, Callable[[list[str]], list[Any]], bool]] = [
    ("bluenexus", minimal, True),
    ("private_ai", openai, True),
    ("cloudbase_openai", openai, True),
    ("cloudbase_openai", ag_ui, False),
    ("cloudbase", classic, True),
    ("cloudbase", ag_ui, False),
    ("maiagent", maiagent, False),
]


@dataclass
class Almost:
    """A stream as parts: each frame between what stands before and behind it.

    `text` is what it says; None if the mutation was in a text and nobody can tell.
    """

    service: str
    text: str | None
    frames: list[str]
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    is_body: bool = False
    mutation: str = "none"
    raw: bytes | None = None
    texts: list[tuple[int, int]] = field(default_factory=list)  # of `raw`: where its texts are

    def parts(self) -> list[str]:
        return [
            part
            for parts in zip(self.before, self.frames, self.behind, strict=True)
            for part in parts
        ]

    def data(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return "".join(self.parts()).encode("utf-8", "surrogatepass")


PREFIXES = ("data: ", "data:", "event: message\ndata: ", "id: 7\ndata: ", ": hi\n\ndata: ")


def right(rng: random.Random) -> Almost:
    """A right stream, or now and then a right body of JSON."""
    if rng.random() < 0.1:
        return right_body(rng)
    service, shape, done = rng.choice(SHAPES)
    pieces = rng.sample(WORDS, rng.randint(2, 6))
    ascii_only = rng.random() < 0.5
    frames = [json.dumps(frame, ensure_ascii=ascii_only) for frame in shape(pieces)]
    frames += ["[DONE]"] * done
    prefix = rng.choice(PREFIXES)
    return Almost(service, "".join(pieces), frames, [prefix] * len(frames), ["\n\n"] * len(frames))


def right_body(rng: random.Random) -> Almost:
    """One whole answer."""
    service, shape = rng.choice(BODIES)
    pieces = rng.sample(WORDS, rng.randint(2, 6))
    body = json.dumps(shape(pieces)[0], ensure_ascii=rng.random() < 0.5)
    return Almost(service, "".join(pieces), [body], [""], [""], is_body=True)
