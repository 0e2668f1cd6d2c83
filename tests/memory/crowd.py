"""Many who talk at once, and do to their histories what users do; here or in other processes.

As a program: a worker, which reads a turn in each line and writes its reply.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import pickle
import random
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_agents import ChatBlueNexus
from remote_agents import SQLSessionStore
from remote_agents.sandbox import Sandbox

Ask = Callable[[int, list[BaseMessage], bool], Awaitable[BaseMessage | None]]
LONG = "Count to 400"
COUNTED = re.compile(r"[\d ]+")  # as far as the agent came before it was left


class ProcessDied(Exception):
    """Nobody knows what became of a turn."""


async def ask(
    model: ChatBlueNexus, number: int, history: list[BaseMessage], breaks: bool
) -> BaseMessage | None:
    """One turn in a thread; None if its stream was broken off."""
    config: Any = {"configurable": {"thread_id": "main", "user_id": f"user-{number}"}}
    if not breaks:
        return await model.ainvoke(history, config)
    async with aclosing(model.astream(history, config)) as chunks:
        async for chunk in chunks:
            if chunk.text:
                return None
    raise AssertionError("the answer was over before it could be left")


@dataclass
class Crowd:
    """Everybody, and what was counted."""

    box: Sandbox
    ask: Ask
    turns: int
    seed: int = 1
    owners: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    async def talk(self, number: int) -> None:
        """One user's dialogue."""
        chance, history = random.Random(f"{self.seed}-{number}"), list[BaseMessage]()
        for turn in range(self.turns):
            breaks = self.prepared(chance, number, turn, history)
            try:
                reply = await self.ask(number, history, breaks)
            except ProcessDied:
                self.count("died")
                continue
            if reply is not None:
                history.append(reply)
                self.check(number, history)

    def prepared(
        self, chance: random.Random, number: int, turn: int, history: list[BaseMessage]
    ) -> bool:
        """Do something to the history, and say something; whether the answer is to be left."""
        what, name = chance.random(), f"[{number}.{turn}]"  # no two texts are alike
        if what < 0.1 and history:
            at = chance.choice([n for n, m in enumerate(history) if m.type == "human"])
            history[at] = HumanMessage(f"{history[at].text} (edited at {turn})")
            del history[at + 1 + chance.randrange(2) * len(history) :]
            self.count("edited")
        elif what < 0.2 and history and history[-1].type == "ai":
            history.pop()
            self.count("regenerated")
            return False
        elif what < 0.25:
            history += [HumanMessage(f"{name} And you?"), AIMessage(f"Other {number}-{turn}")]
            self.count("another model's")
        breaks = chance.random() < 0.1
        self.count("broken" if breaks else "answered")
        said = (f"My secret word is word-{number}-{turn}.", "What is my secret word?")[turn % 2]
        history.append(HumanMessage(f"{name} {LONG if breaks else said}"))
        return breaks

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def check(self, number: int, history: list[BaseMessage]) -> None:
        """The conversation holds exactly the caller's history, and nobody else's words."""
        conversation = history[-1].response_metadata["conversation_id"]
        assert self.owners.setdefault(conversation, number) == number, "a leak"
        roles = {"human": "user", "ai": "assistant"}
        held = [
            (message["role"], message["content"])
            for message in self.box.conversation("bluenexus", conversation)
        ]
        assert _said(held) == _said([(roles[each.type], each.text) for each in history])
        self.count(history[-1].response_metadata["memory"])


def _said(messages: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what was counted, as the service keeps the beginning of an answer that was left."""
    return [(role, text) for role, text in messages if not COUNTED.fullmatch(text)]


async def gathered(crowd: Crowd, sessions: int, at_once: int = 64) -> None:
    """All dialogues, so many at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with room:
            await crowd.talk(number)

    await asyncio.gather(*map(one, range(sessions)))


# --- other processes -----------------------------------------------------------------------------


class Worker:
    """A process that asks for others."""

    def __init__(self) -> None:
        self.process: Any = None
        self._waiting: dict[int, asyncio.Future[BaseMessage | None]] = {}
        self._numbers = itertools.count()

    @property
    def waiting(self) -> int:
        """How many turns are under way there."""
        return len(self._waiting)

    async def start(self, *arguments: str) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.memory.crowd", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        self._reader = asyncio.create_task(self._read())

    async def ask(
        self, number: int, history: list[BaseMessage], breaks: bool
    ) -> BaseMessage | None:
        """A turn in that process."""
        task = next(self._numbers)
        self._waiting[task] = asyncio.get_running_loop().create_future()
        if self._reader.done():
            raise ProcessDied
        self.process.stdin.write(line((task, number, history, breaks)))
        try:
            return await self._waiting[task]
        finally:
            del self._waiting[task]

    async def _read(self) -> None:
        while said := await self.process.stdout.readline():
            task, reply, error = pickle.loads(base64.b64decode(said))
            if error:
                self._waiting[task].set_exception(RuntimeError(error))
            else:
                self._waiting[task].set_result(reply)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ProcessDied())

    async def stop(self) -> None:
        self.process.stdin.close()
        await self.process.wait()
        await self._reader


def line(value: Any) -> bytes:
    return base64.b64encode(pickle.dumps(value)) + b"\n"


async def serve(url: str, key: str, database: str, lease: str) -> None:
    """Answer the lines of the standard input."""
    store = SQLSessionStore(database, table="crowd", lease=float(lease))
    model = ChatBlueNexus(base_url=url, api_key=key, session_store=store)
    tasks = set()

    async def one(task: int, number: int, history: list[BaseMessage], breaks: bool) -> None:
        reply = error = None
        try:
            reply = await ask(model, number, history, breaks)
        except Exception as failure:
            error = repr(failure)
        sys.stdout.buffer.write(line((task, reply, error)))
        sys.stdout.buffer.flush()

    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while asked := await reader.readline():
        tasks.add(started := asyncio.create_task(one(*pickle.loads(base64.b64decode(asked)))))
        started.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    store.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
