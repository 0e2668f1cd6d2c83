"""From one flow to a sync and an async method, and lazy lists that know where they stand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from remote_agents.flow import Flow
from remote_agents.resources.paging import Placed

if TYPE_CHECKING:
    from remote_agents.agent import Agent

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Resource:
    """A part of a service's API, for one configured agent.

    Args:
        agent: The agent whose address, key, limits and retries are used.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.agent.name!r})"


class HasAgent(Protocol):
    """What has a configured agent: a client, or a part of one."""

    @property
    def agent(self) -> Agent:
        """The configured agent."""


S = TypeVar("S", bound=HasAgent)


R = TypeVar("R")


class ResourceAttribute(Generic[R]):
    """An attribute of a client that is a part of its service's API.

    Args:
        kind: The resource; it is given the client's agent.
    """

    def __init__(self, kind: Callable[[Agent], R]) -> None:
        self.kind = kind

    @overload
    def __get__(self, client: None, owner: type) -> Callable[[Agent], R]: ...
    @overload
    def __get__(self, client: HasAgent, owner: type) -> R: ...
    def __get__(self, client: HasAgent | None, owner: type) -> Callable[[Agent], R] | R:
        return self.kind if client is None else self.kind(client.agent)


class Listing(Generic[T]):
    """A lazy list: pages are fetched as it is iterated, and only one is held.

    Read it to its end before you delete what it lists: services number their pages, and what is
    gone from one page is taken from the next.

    Attributes:
        cursor: Where the iteration stands, to go on from later with `list(cursor=...)`; None
            before the first item.

    Example:
        >>> conversations = client.conversations.list()  # doctest: +SKIP
        >>> first = next(conversations)  # doctest: +SKIP
        >>> rest = client.conversations.list(cursor=conversations.cursor)  # doctest: +SKIP
    """

    def __init__(self, placed: Generator[Placed[T], None, None]) -> None:
        self._placed = placed
        self._last: Placed[T] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: `for item in` it, or list() of it>"

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        self._last = next(self._placed)
        return self._last.item

    @property
    def cursor(self) -> str | None:
        """Where the iteration stands."""
        return self._last.cursor if self._last else None

    def close(self) -> None:
        """Stop early and free the connection."""
        self._placed.close()


class AsyncListing(Generic[T]):
    """The same as `Listing`, with asyncio."""

    def __init__(self, placed: AsyncGenerator[Placed[T], None]) -> None:
        self._placed = placed
        self._last: Placed[T] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: `async for item in` it>"

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        self._last = await self._placed.__anext__()
        return self._last.item

    @property
    def cursor(self) -> str | None:
        """Where the iteration stands."""
        return self._last.cursor if self._last else None

    async def aclose(self) -> None:
        """Stop early and free the connection."""
        await self._placed.aclose()


def calls(
    flow: Callable[Concatenate[S, P], Flow[T]],
) -> tuple[Callable[Concatenate[S, P], T], Callable[Concatenate[S, P], Coroutine[Any, Any, T]]]:
    """The sync and the async method of a flow that gives one value.

    Args:
        flow: A method that returns a flow, named as the methods with an underscore before.

    Example:
        >>> class Conversations(Resource):
        ...     def _get(self, conversation_id: str) -> Flow[str]: ...
        ...
        ...     get, aget = calls(_get)
    """

    @wraps(flow)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.agent.call(flow(self, *args, **kwargs))

    @wraps(flow)
    async def acall(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.agent.acall(flow(self, *args, **kwargs))

    return _with_public_name(call, flow), _with_public_name(acall, flow, "a")


def lists(
    flow: Callable[Concatenate[S, P], Flow[T]],
) -> tuple[Callable[Concatenate[S, P], Listing[T]], Callable[Concatenate[S, P], AsyncListing[T]]]:
    """The sync and the async method of a flow of pages (see `paging.pages`)."""

    @wraps(flow)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Listing[T]:
        return Listing(self.agent.iterate(flow(self, *args, **kwargs)))

    @wraps(flow)
    def acall(self: S, /, *args: P.args, **kwargs: P.kwargs) -> AsyncListing[T]:
        return AsyncListing(self.agent.aiterate(flow(self, *args, **kwargs)))

    return _with_public_name(call, flow), _with_public_name(acall, flow, "a")


def streams(
    flow: Callable[Concatenate[S, P], Flow[T]],
) -> tuple[Callable[Concatenate[S, P], Iterator[T]], Callable[Concatenate[S, P], AsyncIterator[T]]]:
    """The sync and the async method of a flow that emits items."""

    @wraps(flow)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self.agent.iterate(flow(self, *args, **kwargs))

    @wraps(flow)
    def acall(self: S, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self.agent.aiterate(flow(self, *args, **kwargs))

    return _with_public_name(call, flow), _with_public_name(acall, flow, "a")


def _with_public_name(method: F, flow: Callable[..., Any], prefix: str = "") -> F:
    head, _, name = flow.__qualname__.rpartition(".")
    method.__name__ = prefix + name.lstrip("_")
    method.__qualname__ = f"{head}.{method.__name__}" if head else method.__name__
    if not prefix:  # so that Python names the public method when an argument is missing
        flow.__qualname__ = method.__qualname__
    return method
