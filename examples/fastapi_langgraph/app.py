"""A chat service for many users: FastAPI, LangGraph, one hosted agent.

Each user's own token goes to the agent; conversations are in PostgreSQL, so that any worker may
answer any turn; answers are streamed; logs are JSON; `/healthz` asks the agent's service.

    uvicorn app:app --workers 4
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from starlette.types import Send

from langchain_agents import ChatBlueNexus
from remote_agents import (
    AgentError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    SessionStore,
    SQLSessionStore,
)

DATABASE_URL = os.environ.get("DATABASE_URL")  # postgresql://user:password@host/database
ALLOW_HTTP = os.environ.get("ALLOW_HTTP") == "1"  # for the sandbox of docker-compose.yml
token: ContextVar[str] = ContextVar("token")  # of whoever is asking


class JSONLines(logging.Formatter):
    """A log record as one line of JSON, with what the library puts on it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        plain = vars(logging.makeLogRecord({}))
        extra = {name: value for name, value in vars(record).items() if name not in plain}
        line = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({**line, **extra}, default=str)


def store() -> SessionStore | None:
    """What all workers know of conversations; with one worker and no database, memory will do."""
    if DATABASE_URL is None:
        return None
    return SQLSessionStore(DATABASE_URL.replace("postgresql://", "postgresql+psycopg://", 1))


@asynccontextmanager
async def checkpoints() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Where LangGraph keeps the threads."""
    if DATABASE_URL is None:
        yield InMemorySaver()
        return
    kept: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    check = AsyncConnectionPool.check_connection  # one that broke is opened anew
    async with AsyncConnectionPool(DATABASE_URL, kwargs=kept, check=check) as pool:
        saver = AsyncPostgresSaver(pool)
        async with only_one(pool):
            await saver.setup()
        yield saver


@asynccontextmanager
async def only_one(pool: AsyncConnectionPool[Any]) -> AsyncIterator[None]:
    """Of all workers one at a time, as two that make the same tables at once would fail."""
    async with pool.connection() as alone:
        while True:
            taken = await alone.execute("SELECT pg_try_advisory_lock(8700) AS taken")
            if (await taken.fetchone())["taken"]:
                break
            await asyncio.sleep(0.1)
        try:
            yield
        finally:
            await alone.execute("SELECT pg_advisory_unlock(8700)")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One model for all users; connections are closed when the server stops."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.access"):  # which have handlers of their own
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
    model = ChatBlueNexus(
        api_key=token.get,
        account=token.get,
        session_store=store(),
        allow_http=ALLOW_HTTP,
    )

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    async with checkpoints() as saver:
        app.state.model, app.state.graph = model, graph.compile(checkpointer=saver)
        yield
        await model.aclose()


app = FastAPI(lifespan=lifespan)


class Question(BaseModel):
    """A turn: what is asked, and in which thread of the user."""

    text: str
    thread: str


def user(authorization: Annotated[str, Header()] = "") -> str:
    """The user's token, which becomes the agent's key for this request."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise HTTPException(401, "Send your token as Authorization: Bearer ...")
    return key


def name_of(key: str) -> str:
    """Tells users apart in the names of threads, without their tokens."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


@app.post("/chat")
async def chat(
    question: Question, request: Request, key: Annotated[str, Depends(user)]
) -> StreamingResponse:
    """Answer as text, word by word."""
    token.set(key)
    # LangGraph's checkpoints know threads by `thread_id` alone: a user's name must be part of it.
    config = {"configurable": {"thread_id": f"{name_of(key)}/{question.thread}"}}
    asked = {"messages": [("user", question.text)]}
    events = request.app.state.graph.astream(asked, config, stream_mode="messages")
    first = await anext(events, None)  # a refusal comes before the first word: it keeps its status
    return Words(_words(first, events), headers=AT_ONCE, media_type="text/plain; charset=utf-8")


AT_ONCE = {"X-Accel-Buffering": "no"}  # else nginx keeps words back until it has many


class Words(StreamingResponse):
    """A body that is cut where the answer breaks off, so that none takes it for whole."""

    async def stream_response(self, send: Send) -> None:
        """Send it; an end without a last chunk makes the server close the connection."""
        try:
            await super().stream_response(send)
        except AgentError as error:
            log_failure(error)


async def _words(first: Any, rest: Any) -> AsyncIterator[str]:
    if first is not None:
        yield first[0].text
    async for message, _ in rest:
        if isinstance(message, AIMessageChunk) and message.text:
            yield message.text


# The token that the agent refuses is the caller's own.
STATUS = {AuthenticationError: 401, PermissionDeniedError: 403, RateLimitError: 429}


def log_failure(error: AgentError) -> None:
    """Log what failed, with the id by which the service knows the request."""
    logging.getLogger("app").warning("%s", error, extra={"request_id": error.request_id})


@app.exception_handler(AgentError)
async def failed(request: Request, error: AgentError) -> JSONResponse:
    """What the caller may know of a failure; whoever runs the service finds the rest in the log."""
    log_failure(error)
    status = next((STATUS[kind] for kind in STATUS if isinstance(error, kind)), 502)
    return JSONResponse({"error": type(error).__name__, "repeat": error.safe_to_repeat}, status)


@app.get("/livez")
async def livez() -> JSONResponse:
    """Whether this process answers; it asks nobody, and is what restarts a container."""
    return JSONResponse({"ok": True})


@app.get("/healthz")
async def healthz(request: Request, key: Annotated[str, Depends(user)]) -> JSONResponse:
    """Whether the agent can be reached with this token, step by step; it costs one short turn."""
    token.set(key)
    steps = await request.app.state.model.client.acheck()
    ok = all(step.ok for step in steps)
    return JSONResponse(
        [{"check": step.check, "ok": step.ok, "detail": step.detail} for step in steps],
        200 if ok else 503,
    )
