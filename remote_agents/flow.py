"""The language in which a turn is written: calls and streams as pure generators.

A *flow* is a generator that yields operations and receives their results, as httpx's `auth_flow`
does. Services yield `Call` and `Stream`; `turns/operations.py` turns those into the primitive
operations below; the two drivers in `drivers.py` perform them, so each flow is written once for
sync and async.

A flow goes on in another one by `yield from`, or by yielding it: then the operations of the other
one go to the driver directly, and do not pass through each flow that waits. So do the flows in
which a turn waits for its answer.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from remote_agents.json_types import JsonMapping
from remote_agents.types import Event, Reply

if TYPE_CHECKING:
    from pydantic import SecretStr

T = TypeVar("T")
Flow = Generator[Any, Any, T]
Decode = Callable[[Any, Reply], list[Event]]


@dataclass(slots=True)
class Request:
    """One HTTP request, without host and credentials.

    Args:
        method: `GET`, `POST`, ...
        path: Path below the base address, or a whole URL with `foreign=True`.
        other_path: Where the same may be, should a refusal say that there is nothing at `path`: a
            404 that names nothing else, or a redirect to it.
        json: Body.
        params: Query parameters; None values are left out.
        files: Multipart files, as httpx takes them.
        data: Multipart fields.
        content: The body as it is.
        headers: Extra headers.
        safe: Repeating it does no harm (GET, creating a conversation).
        stream: The answer is asked for as server-sent events.
        foreign: `path` is a URL on another host: of headers only those of this request go there.
    """

    method: str
    path: str
    json: Any = None
    params: JsonMapping | None = None
    files: Any = None
    data: Mapping[str, str] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe: bool = False
    stream: bool = False
    foreign: bool = False
    other_path: str | None = None


class CallResult(NamedTuple):
    """What a `Call` gives back: the status, the headers, and the decoded JSON.

    Of a body that is no JSON `data` is its text, and of none it is None.
    """

    status: int
    headers: Mapping[str, str]
    data: Any


class Call(NamedTuple):
    """Send a request and give the whole answer back.

    `asks` says that it hands the question over, to be answered later: then `extra_body` is laid
    over its body, and the conversation has seen the question once it is sent: the one of
    `conversation_id`, if the endpoint chose or created it.
    """

    request: Request
    asks: bool = False
    conversation_id: str | None = None


class Stream(NamedTuple):
    """Send a request and emit the events of its answer; gives the folded `Reply` back.

    `conversation_id` is the conversation that the endpoint chose or created for it, if any. `after`
    may add to the reply of a whole answer, before its last event; the answer stands if that fails.
    """

    request: Request
    decode: Decode
    conversation_id: str | None = None
    after: Callable[[Reply], Flow[None]] | None = None


class Answer(NamedTuple):
    """Emit the events of an answer that a `Call` has brought; gives the folded `Reply` back.

    `conversation_id` is the conversation that the endpoint chose or created for it, if any.
    """

    result: CallResult
    decode: Decode
    conversation_id: str | None = None


class IfLeft(NamedTuple):
    """From here on, stop the remote run of a turn that is left before its answer is whole.

    `request` gives what stops it, by the reply so far; None where that does not tell which run it
    is. It is sent once, when the turn was closed, called off or out of time, and nobody waits for
    it. An answer that breaks off by itself runs on: it may be stored.
    """

    request: Callable[[Reply], Request | None]


class Once(NamedTuple):
    """Run a flow, or give what it gave before in this client under the same key."""

    key: str
    flow: Callable[[], Flow[Any]]


class Download(NamedTuple):
    """Send a request and pass its body, piece by piece, to `write`; gives the headers back."""

    request: Request
    write: Callable[[bytes, Mapping[str, str]], None]


# --- primitive operations ----------------------------------------------------------------------


class Emit(NamedTuple):
    """Hand items to whoever iterates."""

    items: list[Any]


class Limits(Protocol):
    """The time limits of a turn, in seconds; None means no limit."""

    @property
    def connect(self) -> float | None:
        """To get a connection."""

    @property
    def first_event(self) -> float | None:
        """From sending to the first event of the answer."""

    @property
    def idle(self) -> float | None:
        """Between two events."""


class Send(NamedTuple):
    """Send a request; gives back a response whose headers have arrived.

    Whoever is called off before a byte of it has left says so by `unsent`.
    """

    request: Request
    token: SecretStr | None
    first_event: float | None
    timeout: Limits
    unsent: Callable[[], None]


class Read(NamedTuple):
    """The next bytes of a response, or None at its end; fails at `deadline` (monotonic time)."""

    response: Any
    deadline: float | None


class Sleep(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Wait(NamedTuple):
    """Wait for a future; gives back whether it was done in time."""

    future: concurrent.futures.Future[None]
    seconds: float


class Do(NamedTuple):
    """Call a function, in a thread if it blocks; a coroutine function is awaited.

    `within` so many seconds, or `DeadlineReached` is raised; what blocks goes on unheard. What is
    `timely` raises that itself, and needs a thread beside an event loop only.
    """

    function: Callable[[], Any]
    blocks: bool = False
    within: float | None = None
    timely: bool = False


class Defer(NamedTuple):
    """Do this when the flow is over, however it ends, unless it is `needed` no more.

    Meanwhile `consumer` is shown who reads what the flow emits. Gives back whether this driver may
    wait itself, so that what is `timely` needs no operation.
    """

    do: Do
    needed: Callable[[], bool]
    consumer: StreamConsumer | None = None


class Parting(NamedTuple):
    """Send this when the flow is over and its sockets are free, unless it is `needed` no more.

    Nobody waits for its answer.
    """

    send: Callable[[], Send | None]
    needed: Callable[[], bool]


class Sender(Protocol):
    """What a driver needs of a transport."""

    def open_response(self, op: Send) -> Any:
        """Send with blocking I/O; gives the response, whose body is to be read."""

    async def aopen_response(self, op: Send) -> Any:
        """Send with asyncio."""


class DeadlineReached(Exception):
    """A `Read` or a `Do` was not served before its deadline."""


class StreamConsumer:
    """Whoever reads what a flow emits, as its driver sees him.

    Attributes:
        waits: Since when the flow waits for him to read on, by the monotonic clock; None while it
            does not.
        ended_by: What he is told when he reads on, if the flow was ended meanwhile.
        response: The one that is being read.
        loop: The event loop in which it is read, if there is one.
    """

    waits: float | None = None
    ended_by: Exception | None = None
    response: Any = None
    loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """The first items are about to be handed out, to whoever calls."""
