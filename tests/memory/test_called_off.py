"""A turn that is called off: the conversation has heard its question only if that has left."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pytest

from remote_agents import AGUI, InMemorySessionStore
from tests.raw_server import HOLD, JSON, Step, head, serving
from tests.transports import KEY, asking, each_kind


@contextmanager
def unreachable() -> Iterator[str]:
    """An address where no connection is made: the kernel drops whoever comes to a full backlog."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for filler in fillers:
            filler.close()


@contextmanager
def answering(*script: Step) -> Iterator[str]:
    with serving(script) as server:
        yield server.url


BUSY = head(JSON, "429 Too Many Requests", "Retry-After: 30", length=0)
PLACES: dict[str, tuple[Callable[[], AbstractContextManager[str]], bool]] = {
    "while it connects": (unreachable, False),
    "while it waits as told": (lambda: answering(BUSY), False),
    "while it waits for the answer": (lambda: answering(HOLD), True),
}


# Where Ctrl-C comes while it connects, Python's own `create_connection` leaves its socket open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("when", PLACES)
@each_kind
def test_a_question_was_heard_only_if_it_has_left(kind: str, when: str) -> None:
    place, heard = PLACES[when]
    store = InMemorySessionStore()
    with place() as url:
        call_off = interrupted if kind == "sync" else partial(cancelled, kind)
        call_off(url, store)
        with AGUI(base_url=url, api_key=KEY, session_store=store) as agent:
            known = agent.session("u1")
    assert (known is not None) == heard
    assert known is None or known[0].broke_off


def interrupted(url: str, store: InMemorySessionStore) -> None:
    main = threading.main_thread().ident
    assert main is not None
    with AGUI(base_url=url, api_key=KEY, session_store=store) as agent:
        threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            agent.ask("Close the first ticket", session_id="u1")


def cancelled(kind: str, url: str, store: InMemorySessionStore) -> None:
    async def turn() -> None:
        async with asking(kind, url, AGUI, session_store=store, max_retries=2) as asker:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asker.agent.aask("Hi", session_id="u1"), 0.3)

    asyncio.run(turn())
