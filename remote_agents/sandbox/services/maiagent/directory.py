"""MaiAgent beside the chat: chatbots, inboxes, web chats and contacts. Three shapes of lists."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.service import Service, service
from remote_agents.sandbox.services.maiagent.chat import (
    ENDPOINT,
    REQUIRED,
    ROOTS,
    authorize,
    milliseconds,
    numbered_page,
    page_size,
    require_account,
    wrong,
)
from remote_agents.sandbox.services.maiagent.resources import (
    CHATBOT,
    INBOX,
    WEB_CHAT,
    Row,
    shown_conversation,
)
from remote_agents.sandbox.serving.lists import digits, link
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object, new_id


def numbered(request: Request, items: list[Row]) -> Json:
    """One page of a list that is at hand."""
    return numbered_page(request, len(items), lambda size, start: items[start : start + size])


def _by_offset(request: Request, rows: list[Row], shown: Callable[[Row], Row]) -> Json:
    """One page of contacts, by limit and offset where they are given, else by its number."""
    given = request.query_params.keys()
    if "pageSize" in given or given.isdisjoint(("limit", "offset")):
        return numbered(request, list(map(shown, rows)))
    size, url = page_size(request, "limit"), service(request).url
    offset = digits(request.query_params.get("offset", "0")) or 0
    more, back = offset + size < len(rows), max(offset - size, 0)
    return Json(
        {
            "count": len(rows),
            "next": link(request, url, limit=size, offset=offset + size) if more else None,
            "previous": link(request, url, limit=size, offset=back) if offset else None,
            "results": [shown(row) for row in rows[offset : offset + size]],
        }
    )


async def list_chatbots(request: Request) -> Json:
    """The chatbots, with page numbers."""
    require_account(request)
    return numbered(request, [CHATBOT])


async def show_chatbot(request: Request) -> Json:
    """One chatbot."""
    authorize(request)
    return Json(CHATBOT)


async def list_inboxes(request: Request) -> Json:
    """The inboxes, with page numbers."""
    require_account(request)
    query = request.query_params
    fits = query.get("channelType") in (None, "", INBOX["channelType"])
    fits = fits and query.get("chatbot") in (None, "", CHATBOT["id"])
    return numbered(request, [INBOX] if fits else [])


async def list_web_chats(request: Request) -> Json:
    """The web chats: a bare array."""
    require_account(request)
    return Json([WEB_CHAT])


async def show_web_chat(request: Request) -> Json:
    """One web chat."""
    require_account(request)
    if request.path_params["web_chat"] != WEB_CHAT["id"]:
        raise Refusal(404, "No WebChat matches the given query.")
    return Json({**WEB_CHAT, "chatbot": CHATBOT["id"], "inbox": INBOX["id"]})


async def list_contacts(request: Request) -> Json:
    """The contacts."""
    require_account(request)
    box, wanted = service(request), request.query_params.get("query", "")
    rows = [
        row
        for row in box.store.all("SELECT * FROM contacts ORDER BY created, id")
        if wanted.lower() in f"{row['name']} {row['extra'].get('email', '')}".lower()
    ]
    return _by_offset(request, rows, _shown_contact)


async def create_contact(request: Request) -> Json:
    """Add a contact."""
    require_account(request)
    body = await json_object(request) or {}
    if not isinstance(body.get("name"), str) or not body["name"].strip():
        raise wrong(name=REQUIRED)
    now = time.time()
    names = ("email", "phone_number", "avatar", "source_id", "query_metadata", "inboxes")
    extra = {name: body[name] for name in names if body.get(name) is not None}
    row = {"id": new_id(), "name": body["name"], "created": now, "updated": now, "extra": extra}
    service(request).store.insert("contacts", row)
    return Json(_shown_contact(row), status_code=201)


async def list_contact_conversations(request: Request) -> Json:
    """The conversations of a contact, the latest first."""
    require_account(request)
    box = service(request)
    rows = _conversations_of(box, request.path_params["contact"])
    if keyword := request.query_params.get("keyword"):
        rows = [row for row in rows if _contains(box, row, keyword)]
    return _by_offset(request, rows, partial(shown_conversation, box))


async def latest_contact_conversation(request: Request) -> Json:
    """The latest conversation of a contact; a 404 if there is none."""
    require_account(request)
    box = service(request)
    rows = _conversations_of(box, request.path_params["contact"])
    if not rows:
        raise Refusal(404, "No Conversation matches the given query.")
    return Json(shown_conversation(box, rows[0]))


def _conversations_of(box: Service, contact: str) -> list[Row]:
    if box.store.one("SELECT id FROM contacts WHERE id = ?", contact) is None:
        raise Refusal(404, "No Contact matches the given query.")
    sql = "SELECT * FROM conversations WHERE endpoint = ? AND lost = 0 ORDER BY updated DESC, id"
    rows = box.store.all(sql, ENDPOINT)
    return [row for row in rows if row["extra"].get("sender") == contact]


def _contains(box: Service, row: Row, keyword: str) -> bool:
    return any(keyword in each["content"] for each in box.store.messages(ENDPOINT, row["id"]))


def _shown_contact(row: Row) -> Row:
    """A contact, in snake_case for once."""
    names = ("email", "phone_number", "avatar", "source_id", "query_metadata")
    return {
        "id": row["id"],
        "name": row["name"],
        **{name: row["extra"].get(name) for name in names},
        "inboxes": row["extra"].get("inboxes", [{"id": INBOX["id"]}]),
        "created_at": milliseconds(row["created"]),
        "updated_at": milliseconds(row["updated"]),
    }


PAGES = (
    ("/chatbots/", list_chatbots, "GET"),
    ("/chatbots/{chatbot}/", show_chatbot, "GET"),
    ("/inboxes/", list_inboxes, "GET"),
    ("/web-chats/", list_web_chats, "GET"),
    ("/web-chats/{web_chat}/", show_web_chat, "GET"),
    ("/contacts/", list_contacts, "GET"),
    ("/contacts/", create_contact, "POST"),
    ("/contacts/{contact}/conversations", list_contact_conversations, "GET"),
    ("/contacts/{contact}/conversations/latest", latest_contact_conversation, "GET"),
)
routes = [
    Route(f"{root}{path}", page, methods=[method]) for root in ROOTS for path, page, method in PAGES
]
