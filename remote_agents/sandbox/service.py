"""What the protocol modules stand on: settings, memory, and a turn being answered."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request

from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.files import file_messages
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Answer, Ask, Brain
from remote_agents.sandbox.mind.knowledge import Hit
from remote_agents.sandbox.mind.words import terms
from remote_agents.sandbox.serving.faults import BROKEN_OFF, Faults
from remote_agents.sandbox.serving.keys import Keys
from remote_agents.sandbox.serving.log import Log
from remote_agents.sandbox.serving.state import Store
from remote_agents.sandbox.serving.wire import Refusal, new_id
from remote_agents.sandbox.settings import Settings, parse_rate
from remote_agents.sandbox.upstream import Upstream

REMEMBERED = 400
LONG = 10_000  # characters, of which an answer takes a tenth of a second and more


class Limiter:
    """Counts requests in a sliding window for each kind of request."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, rate: str | None, kind: str = "") -> int:
        """Seconds to wait before the next request is welcome; 0 counts it."""
        parsed = parse_rate(rate)
        if parsed is None:
            return 0
        count, period = parsed
        now, seen = time.monotonic(), self.seen[kind]
        while seen and seen[0] <= now - period:
            seen.popleft()
        if len(seen) >= count:
            return max(1, math.ceil(seen[0] + period - now))
        seen.append(now)
        return 0


class TextPiece(NamedTuple):
    """A piece of the answer's text."""

    text: str
    last: bool


@dataclass
class Turn:
    """One accepted question and its answer; `shelf` is where the messages are kept, if at all."""

    service: Service
    endpoint: str
    agent: str
    shelf: str | None
    ask: Ask
    answer: Answer
    reply_id: str
    question_id: str = field(default_factory=new_id)
    created: float = field(default_factory=time.time)
    said: list[str] = field(default_factory=list)
    finish: str = "stop"
    kept: bool = False

    @property
    def citations(self) -> list[JsonObject]:
        """The sections that the answer used."""
        return [citation(hit, self.service.url) for hit in self.answer.used]

    @property
    def found(self) -> list[JsonObject]:
        """The sections that the search found."""
        return [citation(hit, self.service.url) for hit in self.answer.found[:3]]

    @cached_property
    def prompt_tokens(self) -> int:
        """Words that went in; counted once, for it stands in every frame."""
        return sum(len(text.split()) for _, text in self.ask.dialogue)

    @property
    def completion_tokens(self) -> int:
        """Words that came out so far."""
        return len(self.said)

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self.said)

    async def words(self) -> AsyncIterator[TextPiece]:
        """The answer word by word; kept in the conversation before the last word leaves."""
        delay = self.service.settings.word_delay
        try:
            async for text, last in self._pieces():
                if delay and self.said:
                    await asyncio.sleep(delay)
                if text:
                    self.said.append(text)
                if last:
                    self.keep()
                yield TextPiece(text, last)
        finally:
            if BROKEN_OFF.get() and self.service.upstream is None:
                self.said = self._cut(self.answer.text)
            self.keep()

    async def complete(self) -> str:
        """The whole answer, at once."""
        async for text, _ in self._pieces():
            if text:
                self.said.append(text)
        self.keep()
        return self.text

    async def _pieces(self) -> AsyncIterator[tuple[str, bool]]:
        if self.service.upstream is not None:
            async for piece in self.service.upstream.stream(self.ask):
                self.finish = piece.finish or self.finish
                yield piece.text, False
            yield "", True
            return
        words = self._cut(self.answer.text)
        for number, text in enumerate(words, 1):
            yield text, number == len(words)

    def _cut(self, text: str) -> list[str]:
        for stop in self.ask.stop:
            text = text.partition(stop)[0]
        words = re.findall(r"\s*\S+", text) or [""]
        if self.ask.limit is not None and len(words) > self.ask.limit:
            self.finish = "length"
            return words[: self.ask.limit]
        return words

    def keep_question(self, messages: list[JsonObject], extra: JsonObject) -> None:
        """Store what the request brought; the reply will refer to the last of it."""
        if self.shelf is None:
            return
        for message in messages:
            role, content = str(message["role"]), str(message["content"])
            row = self.service.store.add_message(
                self.endpoint,
                self.agent,
                self.shelf,
                role,
                content,
                **_ag_ui_fields(message),
                **extra,
            )
            self.question_id = row["id"]

    def keep(self, **extra: object) -> None:
        """Store the reply, once."""
        if self.kept or self.shelf is None:
            return
        self.kept = True
        self.service.store.add_message(
            self.endpoint,
            self.agent,
            self.shelf,
            "assistant",
            self.text,
            id_=self.reply_id,
            reply_to=self.question_id,
            citations=self.citations,
            **extra,
        )


def _ag_ui_fields(message: JsonObject) -> JsonObject:
    """What AG-UI names a message by, and the calls in it."""
    kept = {key: message[key] for key in ("toolCalls", "toolCallId") if message.get(key)}
    return {"id_": message["id"], **kept} if isinstance(message.get("id"), str) else kept


class Service:
    """Everything a request handler needs; it lives in the application's state."""

    def __init__(
        self,
        url: str,
        store: Store,
        brain: Brain,
        settings: Settings,
        upstream: Upstream | None,
        keys: Keys | None = None,
    ) -> None:
        self.url, self.store, self.brain = url, store, brain
        self.settings, self.upstream = settings, upstream
        self.keys = keys or Keys()
        self.log, self.faults, self.limiter = Log(), Faults(), Limiter()
        self.waiting: dict[tuple[str, str], JsonObject] = {}  # threads that ask a person

    async def begin(
        self,
        endpoint: str,
        agent: str,
        ask: Ask,
        *,
        stream: bool,
        conversation: str | None = None,
        shelf: str | None = None,
        sent: list[JsonObject] | None = None,
        keep: list[JsonObject] | None = None,
        reply_id: str | None = None,
        **extra: object,
    ) -> Turn:
        """Accept a turn: log it, find the answer, and store the question where messages are kept.

        Args:
            endpoint: the service that was asked.
            agent: its agent.
            ask: what it was asked.
            stream: whether the answer will be streamed.
            conversation: the conversation that the turn belongs to.
            shelf: where to keep the messages of a turn that belongs to none.
            sent: the messages of the request, where `ask` has them in other roles.
            keep: the messages to store, where they are not all of the request.
            reply_id: id for the reply.
            extra: what else to store with the question.
        """
        sent = ask.messages if sent is None else sent
        self._log(endpoint, conversation, sent, stream)
        answer = await self._answer(ask)
        kept_at = shelf if conversation is None else conversation
        turn = Turn(self, endpoint, agent, kept_at, ask, answer, reply_id or new_id())
        turn.keep_question(sent if keep is None else keep, extra)
        return turn

    async def _answer(self, ask: Ask) -> Answer:
        """The answer; one that takes its time lets other users' requests go on meanwhile."""
        if sum(len(text) for _, text in ask.dialogue) < LONG:
            return self.brain.answer(ask)
        return await asyncio.to_thread(self.brain.answer, ask)

    def search(self, query: str, limit: int = 10) -> list[JsonObject]:
        """The passages of the documents for a query, the best first; no agent is asked."""
        hits = self.brain.knowledge.search(terms(query), limit)
        return [citation(hit, self.url) for hit in hits]

    def stored(self, endpoint: str, conversation: str | None) -> list[JsonObject]:
        """The messages held so far, as far back as an answer looks."""
        if conversation is None:
            return []
        return self.store.messages(endpoint, conversation, newest=REMEMBERED)

    def said_in_files(self, names: Iterable[str]) -> list[JsonObject]:
        """What files of the storage say, those that are text, by their ids or keys."""
        query = "SELECT content FROM files WHERE ? IN (id, key)"
        rows = (self.store.one(query, name) for name in names)
        return file_messages(row["content"] for row in rows if row)

    def _log(
        self, endpoint: str, conversation: str | None, sent: list[JsonObject], stream: bool
    ) -> None:
        self.log.accept(
            {
                "endpoint": endpoint,
                "conversation_id": conversation,
                "messages": [{"role": m["role"], "content": m["content"]} for m in sent],
                "stream": stream,
            }
        )


def citation(hit: Hit, base_url: str) -> JsonObject:
    """A used section as the services store it with a message."""
    section = hit.section
    shown = {name: getattr(section, name) for name in ("id", "title", "filename", "text")}
    return shown | {"url": f"{base_url}/documents/{quote(section.filename)}", "score": hit.score}


def service(request: Request) -> Service:
    """The service behind a request."""
    found: Service = request.app.state.service
    return found


def require_key(request: Request, endpoint: str, message: str) -> None:
    """Refuse a request without the right key."""
    if not service(request).keys.fits(endpoint, request.headers):
        scheme = AGENTS[endpoint].scheme
        raise Refusal(401, message, headers={"www-authenticate": scheme})
