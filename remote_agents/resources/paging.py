"""Lists that come in pages: one way through all of them. Pure.

What differs from list to list is data, a `Paging`, and stands with the service: the words for a
list, its ids and its parameters, and how the next page is asked for. A pager for each shape would
not do: a service answers one list in several (an array, `{next, results}` with or without `count`,
`{data, pagination: {hasMore | hasNext | pages | total}}`, `{data, total}`, `{data, has_more,
last_id}`, one bare object, any of these in an envelope), and takes its own parameters in two ways,
so that each pager would have to know the others, and all what is below: items and pages that come
again, links to other hosts, and cursors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

from remote_agents.errors import ConfigurationError, StreamProtocolError
from remote_agents.flow import Call, Emit, Flow, Request
from remote_agents.json_types import JsonMapping
from remote_agents.resources.cursors import PagePosition, encode, resumed, with_query
from remote_agents.wire.json import identifier, mapping, number

if TYPE_CHECKING:
    from remote_agents.agent import Agent

T = TypeVar("T")
LARGEST_PAGE = 1000  # where the service names no limit


class Paging(NamedTuple):
    """How one list is asked for its pages.

    Args:
        size: Name of the parameter for the size of a page; None where there is none.
        ways: How to ask for the next page when the answer has no link to it: the name of a
            parameter and what it holds (`number` of the page, `count` of items so far, `index` of
            the page, `last` id). A way that brings nothing new gives place to the next one.
        most: The largest page.
        lists: Names under which an answer may have the list, the likeliest first; how they are
            written (`recordList`, `record_list`) does not matter. Of an answer with none of them
            its only list counts.
        ids: Names under which an item may have its id.
    """

    size: str | None = None
    ways: tuple[tuple[str, str], ...] = ()
    most: int = LARGEST_PAGE
    lists: tuple[str, ...] = ("results", "data", "items", "list")
    ids: tuple[str, ...] = ("id",)


@dataclass(slots=True)
class Placed(Generic[T]):
    """An item of a list, and where it stands."""

    item: T
    place: PagePosition
    index: int
    id: str | None

    @property
    def cursor(self) -> str:
        """Names the place right after this item."""
        return encode(replace(self.place, taken=self.index + 1, last=self.id))


@dataclass(slots=True)
class Page:
    """What one answer of a list says."""

    items: list[Any] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    next: str | None = None
    more: bool | None = None
    total: int | None = None
    last_id: str | None = None

    def has_more(self, before: int, size: int | None) -> bool:
        """Whether another page follows; asking once too often is better than missing items."""
        if not self.items or self.more is not None:
            return bool(self.items and self.more)
        full = size is not None and len(self.items) >= size
        if self.total is None:
            return full
        # Some services count in `total` only the items of this page.
        return before + len(self.items) < self.total or (full and self.total <= len(self.items))


def pages(
    agent: Agent,
    path: str,
    paging: Paging,
    read: Callable[[Any], T],
    *,
    page_size: int | None = None,
    cursor: str | None = None,
    page: int | None = None,
    own_cursors: bool = False,
    **params: object,
) -> Flow[T]:
    """Every item of a list, page by page, as `Placed` items.

    Args:
        agent: Whose list; its address decides which links are followed.
        path: Path of the list.
        paging: How it is paged.
        read: Makes an item of a JSON object.
        page_size: Items on a page; None leaves it to the service.
        cursor: From where to go on: the `cursor` of an earlier listing.
        page: Number of the page to start with, where pages have numbers.
        own_cursors: Whether `cursor` may also be one of the service's own.
        **params: Further query parameters; None values are left out.

    Raises:
        ConfigurationError: The page size or the cursor cannot be.
        StreamProtocolError: The answer is no list, or its next page is on another host.
    """
    _check_size(page_size, paging)
    filters = dict(params)
    if paging.size:
        params[paging.size] = page_size
    if page is not None:
        _check_page(page)
        params[paging.ways[0][0]] = page
    url = with_query(path, params)
    place = PagePosition(url, page or 1, asked=with_query("", filters))
    if cursor is not None:
        place = resumed(agent.endpoint, url, cursor, own_cursors, filters)
    return _pages(agent, place, paging, read, page_size)


def _pages(
    agent: Agent,
    place: PagePosition | None,
    paging: Paging,
    read: Callable[[Any], T],
    size: int | None,
) -> Flow[Any]:
    seen = Seen()
    done: tuple[PagePosition, Page] | None = None
    while place is not None:
        page = yield from fetch(agent, place, paging)
        fresh = seen.fresh(page, _items_taken(place, page))
        if fresh:
            yield Emit([Placed(read(item), place, n, id_) for n, item, id_ in fresh])
        if fresh or done is None:
            done, way = (place, page), place.way
        else:
            way = place.way + 1
        place = following(agent, *done, way, paging, size)


def fetch(agent: Agent, place: PagePosition, paging: Paging) -> Flow[Page]:
    """One page."""
    answer = yield Call(Request("GET", place.url, safe=True))
    page = read_page(answer.data, paging)
    if page is None:
        raise StreamProtocolError(
            f"{agent.endpoint.title} answered {place.url.split('?')[0]} with something that is "
            "no list; check base_url.",
            endpoint=agent.endpoint.name,
        )
    return page


def following(
    agent: Agent, place: PagePosition, page: Page, way: int, paging: Paging, size: int | None
) -> PagePosition | None:
    """The page after one, or None."""
    count = place.before + len(page.items)
    if page.next is not None:
        if way != place.way or not page.items:
            return None
        url = local_url(page.next, place.url, agent.base_url)
        return PagePosition(url, place.number + 1, count, way, asked=place.asked)
    if way >= len(paging.ways) or not page.has_more(place.before, size):
        return None
    name, what = paging.ways[way]
    value = {
        "number": place.number + 1,
        "count": count,
        "index": place.number,
        "last": page.last_id or (page.ids[-1] if page.ids else None),
    }[what]
    others = dict.fromkeys(other for other, _ in paging.ways)
    url = with_query(place.url, {**others, name: value})
    return PagePosition(url, place.number + 1, count, way, asked=place.asked)


class Seen:
    """Notices items and pages that come again, in constant memory.

    A new item at the top of a list pushes the last one of a page onto the next page; a broken
    service answers every page with the first one, or links in a circle.
    """

    def __init__(self) -> None:
        self._last: frozenset[str | None] = frozenset()
        self._marks: tuple[int, int] = (0, 0)
        self._pages = 0

    def fresh(self, page: Page, taken: int) -> list[tuple[int, Any, str | None]]:
        """The items, with index and id, that the page before did not have."""
        items, ids = page.items, page.ids
        mark = hash((*(id_ or repr(item) for id_, item in zip(ids, items, strict=True)),))
        if not items or mark in self._marks:
            return []
        before, self._last = self._last, frozenset(filter(None, ids))
        self._pages += 1
        # Brent's way to find a circle of any length: compare with one page, at powers of two.
        held = mark if self._pages & (self._pages - 1) == 0 else self._marks[1]
        self._marks = (mark, held)
        return [
            (n, item, ids[n])
            for n, item in enumerate(items)
            if n >= taken and (ids[n] is None or ids[n] not in before)
        ]


def _items_taken(place: PagePosition, page: Page) -> int:
    """How many items of a page were taken before; by the last one's id if it is still there."""
    if place.last is not None and place.last in page.ids:
        return page.ids.index(place.last) + 1
    return place.taken


# --- reading an answer ---------------------------------------------------------------------------


def read_page(data: object, paging: Paging) -> Page | None:
    """A page in any of the shapes; None if it is none."""
    if data is None or isinstance(data, list):
        return _page(data or [], paging)
    if not isinstance(data, dict):
        return None
    known = {_without_case(name): value for name, value in data.items()}
    found = (known.get(_without_case(name)) for name in paging.lists)
    items = next((value for value in found if isinstance(value, list)), None)
    if items is None:
        if isinstance(known.get("data"), dict):
            return read_page(known["data"], paging)
        if _id_of(data, paging):
            return _page([data], paging)
        named = [value for value in known.values() if isinstance(value, list)]
        items = named[0] if len(named) == 1 else []
    about = {**known, **mapping(known.get("pagination"))}
    return _page(
        items,
        paging,
        next=identifier(about.get("next")),
        more=_more(about),
        total=_count(about.get("count", about.get("total"))),
        last_id=identifier(about.get("lastid")),
    )


def _without_case(name: str) -> str:
    return name.replace("_", "").lower()


def _page(items: list[Any], paging: Paging, **about: Any) -> Page:
    return Page(items, [_id_of(item, paging) for item in items], **about)


def _id_of(item: object, paging: Paging) -> str | None:
    if not isinstance(item, dict):
        return None
    return next((found for name in paging.ids if (found := identifier(item.get(name)))), None)


def _more(about: JsonMapping) -> bool | None:
    for name in ("hasMore", "hasNext", "hasmore", "hasnext"):
        if isinstance(about.get(name), bool):
            return bool(about[name])
    if "next" in about and about["next"] in (None, ""):
        return False
    page, last = number(about.get("page")), number(about.get("pages"))
    return None if page is None or last is None else page < last


def _count(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


# --- addresses and cursors -----------------------------------------------------------------------


def local_url(link: str, url: str, base_url: str) -> str:
    """Path and query of a link to the next page; the key goes with it, so the host must be ours.

    Raises:
        StreamProtocolError: It leads to another host.
    """
    base = urlsplit(base_url)
    if not link.startswith(("http://", "https://", "/", "?")):
        return with_query(url, {"cursor": link})
    try:
        target = urlsplit(urljoin(f"{base.scheme}://{base.netloc}{base.path}{url}", link))
        known = _is_at(target, base)
    except ValueError:
        raise StreamProtocolError(
            f"The next page is said to be at {link.partition('?')[0][:200]!r}, which is no address."
        ) from None
    # Behind a proxy that ends TLS, services write http:// links; ours is the scheme that is used.
    if not known:
        raise StreamProtocolError(
            f"The next page is said to be on another host, {target.netloc}; it was not asked for, "
            f"since the key of {base.netloc} would go there."
        )
    path = target.path.removeprefix(base.path) if base.path else target.path
    return f"{path}?{target.query}" if target.query else path


def _is_at(target: SplitResult, base: SplitResult) -> bool:
    """Whether both have one host and port, or each the port of its scheme, written or not."""
    here, there = (each.port or PORTS[each.scheme] for each in (target, base))
    usual = here == PORTS[target.scheme] and there == PORTS[base.scheme]
    return target.hostname == base.hostname and (here == there or usual)


PORTS = {"http": 80, "https": 443}


def _check_page(page: int) -> None:
    if isinstance(page, bool) or not isinstance(page, int) or page < 1:
        raise ConfigurationError(f"page must be 1 or more, not {page!r}.")


def _check_size(page_size: int | None, paging: Paging) -> None:
    if page_size is None or not paging.size:
        return
    whole = isinstance(page_size, int) and not isinstance(page_size, bool)
    if not whole or not 1 <= page_size <= paging.most:
        raise ConfigurationError(f"page_size must be from 1 to {paging.most}, not {page_size!r}.")
