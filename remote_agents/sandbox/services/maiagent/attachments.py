"""MaiAgent files: sent as a form, or straight to the storage behind a presigned address."""

from __future__ import annotations

import time

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import service
from remote_agents.sandbox.services.maiagent.chat import (
    REQUIRED,
    ROOTS,
    TYPES,
    no_choice,
    require_account,
    wrong,
)
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object, new_id

LARGEST = 100 * 1024 * 1024
SIGNATURE = "sandbox-signature"
# An upload's own words, which are not those that a message takes.
KINDS = {
    "image": (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"),
    "audio": (".mp3", ".wav", ".m4a", ".ogg", ".flac"),
    "video": (".mp4", ".mov", ".webm"),
    "text": (".txt", ".md", ".csv", ".json"),
}
# It is told of a file in either words.
TOLD = (*KINDS, "document", *TYPES, "sticker")


async def upload(request: Request) -> Json:
    """Take a file as a form field, or the name of one that lies in the storage."""
    require_account(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        return await _from_storage(request)
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise wrong(file=REQUIRED)
        name = file.filename or "file"
        row = _row(f"media/attachments/{new_id()}/{name}", name, await file.read())
    service(request).store.insert("files", row)
    return Json(shown(row, service(request).url), status_code=201)


async def _from_storage(request: Request) -> Json:
    body = await json_object(request) or {}
    missing = {name: REQUIRED for name in ("file", "filename") if not body.get(name)}
    if missing:
        raise wrong(**missing)
    if body.get("type") and body["type"] not in TOLD:
        raise wrong(type=no_choice(body["type"]))
    store = service(request).store
    found = store.one("SELECT * FROM files WHERE key = ?", str(body["file"]))
    if found is None or found["content"] is None:
        raise wrong(file=["The file was not uploaded."])
    kind, name = body.get("type") or found["type"], str(body["filename"])
    conversation = request.path_params.get("conversation")
    store.db.execute(
        "UPDATE files SET type = ?, filename = ?, conversation = ? WHERE id = ?",
        (kind, name, conversation, found["id"]),
    )
    row = {**found, "type": kind, "filename": name}
    return Json(shown(row, service(request).url), status_code=201)


def _row(key: str, filename: str, content: bytes | None) -> JsonObject:
    return {
        "id": new_id(),
        "key": key,
        "type": _type_of(filename),
        "filename": filename,
        "created": time.time(),
        "content": content,
    }


def _type_of(filename: str) -> str:
    name = filename.lower()
    return next((kind for kind, ends in KINDS.items() if name.endswith(ends)), "document")


def shown(row: JsonObject, base_url: str) -> JsonObject:
    """An attachment as the service shows it."""
    return {
        "id": row["id"],
        "type": row["type"],
        "filename": row["filename"],
        "file": f"{base_url}/_storage/{row['key']}",
    }


async def presign(request: Request) -> Json:
    """Promise a place in the storage."""
    require_account(request)
    body = await json_object(request) or {}
    names = ("filename", "modelName", "fieldName", "fileSize")
    missing = {name: REQUIRED for name in names if not body.get(name)}
    if missing:
        raise wrong(**missing)
    if not isinstance(body["fileSize"], int) or body["fileSize"] > LARGEST:
        raise wrong(fileSize=[f"Ensure this value is less than or equal to {LARGEST}."])
    box = service(request)
    key = f"media/{body['modelName']}/{new_id()}/{body['filename']}"
    box.store.insert("files", _row(key, str(body["filename"]), None))
    return Json({"url": f"{box.url}/_storage/bucket", "fields": _fields(key)})


def _fields(key: str) -> dict[str, str]:
    return {
        "key": key,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "SANDBOX/20250131/us-east-1/s3/aws4_request",
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "policy": "c2FuZGJveA==",
        "x-amz-signature": SIGNATURE,
    }


async def store_file(request: Request) -> Response:
    """The storage itself, which knows signatures and no keys."""
    if "authorization" in request.headers:
        return _xml(400, "InvalidArgument", "Only one auth mechanism allowed")
    async with request.form() as form:
        fields = form.multi_items()
        file = form.get("file")
        if not isinstance(file, UploadFile) or fields[-1][0] != "file":
            return _xml(400, "InvalidArgument", "POST requires a file as the last field")
        key, content = str(form.get("key", "")), await file.read()
        if form.get("x-amz-signature") != SIGNATURE or not form.get("policy"):
            return _xml(403, "SignatureDoesNotMatch", "The signature does not match")
    store = service(request).store
    done = store.db.execute("UPDATE files SET content = ? WHERE key = ?", (content, key))
    return Response(status_code=204) if done.rowcount else _xml(403, "AccessDenied", "Unknown key")


def _xml(status: int, code: str, message: str) -> Response:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return PlainTextResponse(text, status, media_type="application/xml")


async def fetch_file(request: Request) -> Response:
    """A stored file."""
    key = str(request.path_params["key"])
    row = service(request).store.one("SELECT content FROM files WHERE key = ?", key)
    if row is None or row["content"] is None:
        raise Refusal(404, "Not found.")
    return Response(row["content"], media_type="application/octet-stream")


routes = [
    *(Route(f"{root}/attachments-upload/", upload, methods=["POST"]) for root in ROOTS),
    *(Route(f"{root}/attachments/", upload, methods=["POST"]) for root in ROOTS),
    *(
        Route(f"{root}/conversations/{{conversation}}/attachments/", upload, methods=["POST"])
        for root in ROOTS
    ),
    *(Route(f"{root}/upload-presigned-url/", presign, methods=["POST"]) for root in ROOTS),
    Route("/_storage/bucket", store_file, methods=["POST"]),
    Route("/_storage/{key:path}", fetch_file, methods=["GET"]),
]
