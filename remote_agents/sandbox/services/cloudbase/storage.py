"""CloudBase's storage: an address and a signature for each file, then the file itself."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import require_key, service
from remote_agents.sandbox.services.cloudbase.chat import ENDPOINT
from remote_agents.sandbox.serving.wire import Json, Refusal, json_value, new_id

SIGNATURE = "q-sign-algorithm=sha1&q-ak=SANDBOX&q-signature=sandbox"
TOKEN = "sandbox-security-token"


async def promise(request: Request) -> Json:
    """Promise a place for each file that is named."""
    require_key(request, ENDPOINT, "Credentials are invalid")
    asked = await json_value(request)
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise Refusal(400, "the body must be an array of objects with objectId")
    return Json([_promised(request, each) for each in asked])


def _promised(request: Request, asked: JsonObject) -> JsonObject:
    key, box = asked.get("objectId"), service(request)
    if not isinstance(key, str) or not key:
        return {"code": "INVALID_PARAM", "message": "objectId is required"}
    row = {"id": new_id(), "key": key, "type": "document", "filename": key.rpartition("/")[2]}
    box.store.insert("files", {**row, "created": time.time(), "content": None})
    return {
        "objectId": key,
        "uploadUrl": f"{box.url}/_cos/{key}",
        "authorization": SIGNATURE,
        "token": TOKEN,
        "cloudObjectMeta": row["id"],
        "cloudObjectId": f"cloud://sandbox.7361-sandbox-1250000000/{key}",
    }


async def keep(request: Request) -> Response:
    """The storage itself, which knows signatures and no keys."""
    told = [request.headers.get(name) for name in ("authorization", "x-cos-security-token")]
    if told != [SIGNATURE, TOKEN]:
        return PlainTextResponse("<Error><Code>AccessDenied</Code></Error>", 403)
    where = (str(request.path_params["key"]), request.headers.get("x-cos-meta-fileid", ""))
    done = service(request).store.db.execute(
        "UPDATE files SET content = ? WHERE key = ? AND id = ?", (await request.body(), *where)
    )
    return Response(status_code=200 if done.rowcount else 404)


routes = [
    Route("/v1/storages/get-objects-upload-info", promise, methods=["POST"]),
    Route("/_cos/{key:path}", keep, methods=["PUT"]),
]
