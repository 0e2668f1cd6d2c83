"""MaiAgent's records: questions with their answers, as a list and as an Excel file."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.words import terms
from remote_agents.sandbox.service import service
from remote_agents.sandbox.services.maiagent.chat import (
    ENDPOINT,
    ROOTS,
    authorize,
    milliseconds,
    numbered_page,
    wrong,
)
from remote_agents.sandbox.serving.lists import day, day_after
from remote_agents.sandbox.serving.state import Store
from remote_agents.sandbox.serving.wire import Json

Row = dict[str, Any]
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PIECE = 256 * 1024
MEASURES = (
    "faithfulness",
    "answerRelevancy",
    "contextPrecision",
    "answerCorrectness",
    "answerSimilarity",
    "contextRecall",
)
UNKNOWN: dict[str, None] = {
    key: None
    for name in MEASURES
    for key in (f"{name}Score", f"display{name[0].upper()}{name[1:]}Score")
}
ANSWERS = "FROM messages a WHERE a.endpoint = ? AND a.agent = ? AND a.role = 'assistant'"
ASKED = "(SELECT q.content FROM messages q WHERE q.id = a.reply_to)"


def _wanted(request: Request) -> tuple[str, list[Any]]:
    """The records that the query asks for, as SQL."""
    chatbot, query = authorize(request), request.query_params
    first, last = day(query.get("startDate")), day_after(query.get("endDate"))
    if first is None or last is None:
        missing = {"startDate": first, "endDate": last}
        message = ["This parameter is required, format: YYYY-MM-DD."]
        raise wrong(**{name: message for name, value in missing.items() if value is None})
    where = f"{ANSWERS} AND a.created >= ? AND a.created < ?"
    values: list[Any] = [ENDPOINT, chatbot, first, last]
    for name, column in (("userMessage", ASKED), ("botMessage", "a.content")):
        if query.get(name):
            where += f" AND instr({column}, ?)"
            values.append(query[name])
    return where, values


async def list_records(request: Request) -> Json:
    """The records, oldest first, with page numbers."""
    where, values = _wanted(request)
    store = service(request).store

    def read(size: int, start: int) -> list[Row]:
        return [_shown(row) for row in _rows(store, where, values, size, start)]

    return numbered_page(request, _count(store, where, values), read)


def _count(store: Store, where: str, values: list[Any]) -> int:
    """How many records there are, counted anew only when something has changed."""
    key = (store.db.total_changes, where, *values)
    if COUNTED.get("key") != key:
        found = store.one(f"SELECT count(*) AS n {where}", *values)
        COUNTED.update(key=key, count=found["n"] if found else 0)
    return int(COUNTED["count"])


COUNTED: JsonObject = {}


def _rows(store: Store, where: str, values: list[Any], limit: int, offset: int) -> list[Row]:
    # Which rows are on the page is found in an index; only those are then read.
    sql = (
        "SELECT a.*, q.content AS question, q.created AS asked"
        " FROM messages a LEFT JOIN messages q ON q.id = a.reply_to WHERE a.seq IN"
        f" (SELECT a.seq {where} ORDER BY a.created, a.seq LIMIT ? OFFSET ?)"
        " ORDER BY a.created, a.seq"
    )
    return store.all(sql, *values, limit, offset)


def _shown(row: Row) -> Row:
    context = "\n\n".join(each["text"] for each in row["citations"])
    return {
        "id": row["id"],
        "conversation": row["conversation"],
        "inputMessage": row["question"] or "",
        "condenseMessage": row["question"] or "",
        "outputMessage": row["content"],
        "context": context,
        **_scores(row["question"] or "", row["content"], context),
        "replyTime": f"{max(row['created'] - (row['asked'] or row['created']), 0.0):.3f}",
        "createdAt": milliseconds(row["created"]),
        "error": None,
    }


def _scores(question: str, answer: str, context: str) -> Row:
    """Scores as far as shared words can tell them; those that need a reference answer are null."""
    known: dict[str, float | None] = {
        "faithfulness": _share(answer, context) if context else None,
        "answerRelevancy": _share(question, answer),
        "contextRecall": _share(question, context) if context else None,
    }
    scores: Row = dict(UNKNOWN)
    for name, score in known.items():
        if score is not None:
            scores[f"{name}Score"] = score
            scores[f"display{name[0].upper()}{name[1:]}Score"] = f"{score:.2f}"
    return scores


def _share(part: str, whole: str) -> float:
    """How much of one text's words are in the other."""
    wanted = set(terms(part))
    return round(len(wanted & set(terms(whole))) / len(wanted), 4) if wanted else 0.0


# --- the Excel file ------------------------------------------------------------------------------


async def export_excel(request: Request) -> StreamingResponse:
    """The records as an Excel file, made on disk and sent piece by piece."""
    where, values = _wanted(request)
    box = service(request)
    rows = [_shown(row) for row in _rows(box.store, where, values, -1, 0)]
    padding = box.settings.of_services["export_padding"]
    path, size = await run_in_threadpool(_workbook, rows, padding)
    headers = {
        "content-length": str(size),
        "content-disposition": 'attachment; filename="chatbot_records.xlsx"',
    }
    return StreamingResponse(_pieces(path), media_type=EXCEL, headers=headers)


def _workbook(rows: list[Row], padding: int) -> tuple[str, int]:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Records")
    names = ("id", "conversation", "inputMessage", "outputMessage", "context", "createdAt")
    sheet.append(names)
    for row in rows:
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", str(row[name])) for name in names])
    handle, path = tempfile.mkstemp(".xlsx", "remote-agents-export-")
    with os.fdopen(handle, "wb") as file:
        book.save(file)
    if padding:
        _pad(path, padding)
    return path, os.path.getsize(path)


def _pad(path: str, size: int) -> None:
    """Make the file larger by a member that no reader of it looks at."""
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive,
        archive.open("padding.bin", "w", force_zip64=True) as member,
    ):
        for piece in _zeros(size):
            member.write(piece)


def _zeros(size: int) -> Iterator[bytes]:
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        yield block[: size - start]


async def _pieces(path: str) -> AsyncGenerator[bytes, None]:
    try:
        with open(path, "rb") as file:  # noqa: ASYNC230 - a file that was just written
            while piece := file.read(PIECE):
                yield piece
    finally:
        os.unlink(path)


RECORDS = "/chatbots/{chatbot}/records/"
routes = [
    *(Route(f"{root}{RECORDS}", list_records, methods=["GET"]) for root in ROOTS),
    *(Route(f"{root}{RECORDS}export-excel/", export_excel, methods=["GET"]) for root in ROOTS),
]
