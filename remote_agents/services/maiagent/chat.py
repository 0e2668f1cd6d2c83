"""MaiAgent chatbots.

Implements "Conversations and Messages", POST /api/chatbots/{chatbotId}/completions/: one message a
turn, `conversation` to continue, `isStreaming` to stream. The conversation's id comes back under
one of three names. Files are uploaded first and go into `message.attachments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from remote_agents.errors import (
    ConfigurationError,
    RemoteFailureError,
    UnsupportedContentError,
)
from remote_agents.flow import Call, Flow, Once, Request, Stream
from remote_agents.json_types import JsonObject
from remote_agents.service import Endpoint
from remote_agents.types import (
    Attachment,
    Citation,
    Citations,
    Event,
    File,
    Info,
    Reply,
    TextDelta,
    Turn,
    Unknown,
    kind_named,
)
from remote_agents.uploads import Upload, digest_of, load_upload, name_of
from remote_agents.wire.json import identifier, items, mapping, number, required_id, rest_of, text
from remote_agents.wire.unknown_frames import unknown_events

CONVERSATION_KEYS = ("conversationId", "conversation_id", "conversation")


def turn(asked: Turn) -> Flow[Reply]:
    """One turn; files are uploaded first."""
    last = asked.messages[-1]
    message: JsonObject = {"content": last.content, "attachments": []}
    for attachment in last.attachments:
        message["attachments"].append((yield from attach(attachment)))
    for key, name in _FIELDS:
        if asked.options.get(name) is not None:
            message[key] = asked.options[name]
    body = {
        "conversation": asked.conversation_id,
        "message": message,
        "isStreaming": asked.stream,
    }
    path = f"/api/chatbots/{quote(asked.agent_id, safe='')}/completions/"
    headers = STREAMED if asked.stream else {}
    request = Request("POST", path, json=body, headers=headers, stream=asked.stream)
    reply: Reply = yield Stream(request, decode)
    return reply


# Django REST Framework refuses whoever takes events alone, unless a view of its own gives some.
STREAMED = {"Accept": "text/event-stream, */*;q=0.1"}
_FIELDS = (
    ("contentPayload", "content_payload"),
    ("queryMetadata", "query_metadata"),
    ("sender", "sender"),
)


def attach(attachment: Attachment, *, anew: bool = False) -> Flow[JsonObject]:
    """The service's own record of a file, uploading it when it is given as bytes or a path.

    Args:
        attachment: The file.
        anew: Whether it is uploaded even if this client has uploaded the same one before.

    Raises:
        UnsupportedContentError: For a kind that the service does not take, a file too large, or a
            bare link: the service takes files that it holds.
    """
    kind = kind_of(attachment)
    if attachment.url and not attachment.file_id:
        raise UnsupportedContentError(
            f"MaiAgent takes no links to files ({attachment.kind} block): pass the content itself, "
            "as bytes or a path, or the id with the link of a file uploaded before."
        )
    if attachment.file_id:
        record = {
            "id": attachment.file_id,
            "type": kind,
            "filename": name_of(attachment),
            "file": attachment.url,
        }
        return {key: value for key, value in record.items() if value is not None}
    upload = yield from load_upload(attachment)
    flow = partial(_stored, upload)
    stored = (yield from flow()) if anew else (yield Once(digest_of(upload), flow))
    return {**stored, "type": kind}  # an upload's own type is another list of words


def _stored(upload: Upload) -> Flow[JsonObject]:
    """Upload a file; gives what the service calls it."""
    files = {"file": tuple(upload)}
    answer = yield Call(Request("POST", "/api/attachments/", files=files))
    stored = mapping(answer.data)
    return {
        "id": required_id(stored.get("id"), f"the uploaded file {upload.name}"),
        "filename": text(stored.get("filename")) or upload.name,
        "file": stored.get("file"),
    }


ATTACHMENT_TYPES = ("image", "video", "audio", "sticker", "other")  # of a message


def kind_of(attachment: Attachment) -> str:
    """The service's word for a kind of file.

    Raises:
        UnsupportedContentError: It does not take this kind.
    """
    if attachment.kind == "video":
        raise UnsupportedContentError("MaiAgent does not take video attachments yet.")
    return attachment.kind if attachment.kind in ("image", "audio") else "other"


def decode(data: object, so_far: Reply) -> list[Event]:
    """One frame or whole answer; `content` is a delta until the frame that says `done`."""
    if not isinstance(data, dict):
        return [Unknown(data)]
    if data.get("detail") and data.get("content") is None:
        raise RemoteFailureError(str(data["detail"]), body=data)
    said, end = _text(data, so_far), _ending(data, so_far)
    events = [*said, *_conversation(data, so_far)]
    if not _BESIDE.isdisjoint(data):
        events += [*_payload(data), *_files(data, so_far), *_sources(data)]
    events += end
    if "content" not in data:
        events += unknown_events(data, ANSWER)
    return events if events or "content" in data else [Unknown(data)]


# Keys of a frame with what comes beside the text.
_BESIDE = frozenset(
    {"citations", "citationNodes", "citation_nodes", "attachments"}
    | {"contentPayload", "content_payload"}
)
# Keys of a frame that hold no text of the answer.
ANSWER = _BESIDE | {*CONVERSATION_KEYS, "done", "sender"}


def _text(data: JsonObject, so_far: Reply) -> list[Event]:
    content = data.get("content")
    if not content or not isinstance(content, str):
        return []
    piece = rest_of(content, so_far.text + so_far.withheld) if data.get("done") else content
    return [TextDelta(piece)] if piece else []


def _conversation(data: JsonObject, so_far: Reply) -> list[Event]:
    """Its id, which the first frames and the last may name."""
    if so_far.conversation_id is not None and not data.get("done"):
        return []
    for key in CONVERSATION_KEYS:
        if found := identifier(data.get(key)):
            return [Info(conversation_id=found)]
    return []


def _payload(data: JsonObject) -> list[Event]:
    payload = data.get("contentPayload") or data.get("content_payload")
    return [Info(raw={"contentPayload": payload})] if isinstance(payload, dict) else []


def _files(data: JsonObject, so_far: Reply) -> list[File]:
    if not data.get("attachments"):
        return []
    known = {file.id for file in so_far.files}
    files = map(file_of, items(data["attachments"]))
    return [file for file in files if file.id is None or file.id not in known]


def _ending(data: JsonObject, so_far: Reply) -> list[Event]:
    done = data.get("done")
    if done or (done is None and "content" in data):
        return [Info(finish_reason="stop")]
    return [] if so_far.more_expected else [Info(more_expected=True)]


def _sources(data: JsonObject) -> list[Citation]:
    """The passages and the files of an answer, which speak of the same sources."""
    nodes = items(data.get("citationNodes") or data.get("citation_nodes"))
    named = [*map(_passage, nodes), *map(_document, items(data.get("citations")))]
    sources = Citations()
    for source in named:
        sources.add(source)
    return sources.found


def file_of(attachment: object) -> File:
    """A file of a message, as the service describes it; its word for any file is `other`."""
    known = mapping(attachment)
    return File(
        kind_named(text(known.get("type"))),
        url=text(known.get("file")) or None,
        id=identifier(known.get("id")),
        filename=text(known.get("filename")) or None,
    )


def _passage(node: object) -> Citation:
    known = mapping(node)
    passage = mapping(known.get("chatbotTextNode") or known.get("chatbot_text_node"))
    return Citation(
        title=text(passage.get("filename")) or None,
        text=text(passage.get("text")) or None,
        id=identifier(passage.get("id")),
        score=number(known.get("score")),
    )


def _document(source: object) -> Citation:
    known = mapping(source)
    return Citation(
        title=text(known.get("filename")) or None,
        url=text(known.get("file")) or None,
        id=identifier(known.get("id")),
    )


ROOTS = ("/api", "/api/v1")  # the seed document's, and that of the vendor's examples


def for_agent(endpoint: Endpoint, agent_id: str, options: Mapping[str, Any]) -> Endpoint:
    """The one root that the caller chose for all paths, if he did."""
    root = options.get("root")
    if root is None:
        return endpoint
    if root not in ROOTS:
        raise ConfigurationError(f"root must be one of {', '.join(ROOTS)}, not {root!r}.")
    return replace(endpoint, root=root)
