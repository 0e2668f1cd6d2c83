"""Fills the sandbox with past conversations: many for tests of long lists, or real ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.service import Service, citation, service
from remote_agents.sandbox.serving.lists import day, iso, moment_of
from remote_agents.sandbox.serving.state import Store
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object, new_id

SUBJECTS = ("vacation days", "the VPN", "travel expenses", "parental leave", "the canteen")
STEP = 60.0  # seconds between two records


async def seed_records(request: Request) -> Json:
    """Add records: count, endpoint, start (2024-01-01), per_conversation (10)."""
    body = await json_object(request) or {}
    endpoint, count = body.get("endpoint"), body.get("count", 0)
    start = day(body.get("start", "2024-01-01"))
    if endpoint not in AGENTS or not isinstance(count, int) or count < 1 or start is None:
        raise Refusal(400, "count, endpoint or start cannot be")
    each = max(int(body.get("per_conversation", 10)), 1)
    store = service(request).store
    seed(store, endpoint, count, start, each)
    last = start + (count - 1) * STEP
    return Json({"count": count, "start": iso(start)[:10], "end": iso(last)[:10]})


def seed(store: Store, endpoint: str, count: int, start: float, each: int) -> None:
    """Add questions and answers, so many of them to a conversation."""
    agent, name = AGENTS[endpoint].agent_id, f"{time.time_ns():x}"
    start = store.free_moment(endpoint, agent, start)
    conversations = [
        (_id(name, 2, n), endpoint, agent, f"Seeded {n}", start + n * each * STEP, "{}")
        for n in range(-(-count // each))
    ]
    store.db.execute("BEGIN")
    store.db.executemany(
        "INSERT INTO conversations (id, endpoint, agent, title, created, updated, extra, lost)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, 0)",
        conversations,
    )
    store.db.executemany(
        "INSERT INTO messages (id, endpoint, agent, conversation, role, content, created,"
        " reply_to, citations, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', '{}')",
        _messages(endpoint, agent, name, count, start, each),
    )
    store.db.execute("COMMIT")


def _messages(
    endpoint: str, agent: str, name: str, count: int, start: float, each: int
) -> Iterator[tuple[Any, ...]]:
    for n in range(count):
        subject, moment = SUBJECTS[n % len(SUBJECTS)], start + n * STEP
        question, answer = _id(name, 0, n), _id(name, 1, n)
        about = (endpoint, agent, _id(name, 2, n // each))
        yield question, *about, "user", f"Question {n} about {subject}?", moment, None
        yield answer, *about, "assistant", f"Answer {n} about {subject}.", moment + 1, question


def _id(name: str, kind: int, number: int) -> str:
    """A uuid that costs nothing."""
    return f"{name[-8:]:0>8}-{name[-12:-8]:0>4}-4{kind:03x}-8000-{number:012x}"


async def seed_questions(request: Request) -> Json:
    """Answer questions of the past: asked (pairs of an ISO time and a question), endpoint."""
    body = await json_object(request) or {}
    endpoint, asked = body.get("endpoint"), body.get("asked") or []
    moments = [moment_of(str(time)) for time, _ in asked]
    if endpoint not in AGENTS or not moments or None in moments:
        raise Refusal(400, "endpoint or asked cannot be")
    for moment, (_, question) in zip(moments, asked, strict=True):
        _answer(service(request), endpoint, moment or 0.0, str(question))
    days = sorted(iso(moment or 0.0)[:10] for moment in moments)
    return Json({"count": len(asked), "start": days[0], "end": days[-1]})


def _answer(box: Service, endpoint: str, moment: float, question: str) -> None:
    """One question in a conversation of its own, answered as long as streaming it would take."""
    agent, conversation = AGENTS[endpoint].agent_id, new_id()
    answer = box.brain.answer(Ask([{"role": "user", "content": question}]))
    moment = box.store.free_moment(endpoint, agent, moment)
    took = max(len(answer.text.split()) * box.settings.word_delay, 0.001)
    spoken = box.store.free_moment(endpoint, agent, moment + took)
    cited = [citation(hit, box.url) for hit in answer.used]
    where = {"endpoint": endpoint, "agent": agent}
    box.store.insert(
        "conversations",
        {
            **where,
            "id": conversation,
            "title": question,
            "created": moment,
            "updated": spoken,
            "extra": {},
            "lost": 0,
        },
    )
    here: JsonObject = {"conversation": conversation, "reply_to": None, "extra": {}}
    asked = {**where, **here, "id": new_id()}
    said = {**asked, "id": new_id(), "reply_to": asked["id"], "role": "assistant"}
    box.store.insert(
        "messages",
        {**asked, "role": "user", "content": question, "created": moment, "citations": []},
    )
    box.store.insert(
        "messages", {**said, "content": answer.text, "created": spoken, "citations": cited}
    )


routes = [
    Route("/_sandbox/records", seed_records, methods=["POST"]),
    Route("/_sandbox/questions", seed_questions, methods=["POST"]),
]
