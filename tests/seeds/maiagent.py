"""Each line of MaiAgent's documents that names a field, header, status, limit or operation."""

from __future__ import annotations

from remote_agents import (
    BadRequestError,
)
from tests.resources.operations import OPERATIONS
from tests.seeds.rows import (
    Attached,
    Done,
    Explained,
    Row,
    everywhere,
)
from tests.seeds.short_rows import (
    PROMPT,
    STREAM,
    continued,
    refused,
    sent,
    turned,
)

E = "MaiAgent"
CONTACT = "c9a4d7e2-15b8-4f6a-8e03-91d2b7c6f5a4"
FILES = turned(
    ["`attachments=[Attachment(...)]`", "`image`, `audio`, `file` blocks", "file blocks"]
)
CHATBOT = "0d5be1a7-63f4-4c0e-b1c9-7a2e8f4d9c10"
BESIDE = [operation for operation in OPERATIONS if operation.document.startswith("MaiAgent, Conv")]
# What the document calls a parameter of a path is an argument of the method, or the client's own.
IN_PATHS = ("id", "chatbotPk")


def beside() -> list[Row]:
    """The operations of the document beside the chat, and each of their parameters."""
    rows: list[Row] = []
    for operation in BESIDE[1:]:
        method = operation.methods.split()[0].partition(".")[2]
        for name in ("", *operation.fields.split()):
            title = f"{operation.title}: {name or 'operation'}"
            shown = [f"`client.{method}`", f"`model.client.{method}`", f"`llm.client.{method}`"]
            rows.append(Done(E, title, turned(shown), operation, name))
    return rows


MAIAGENT_ROWS: list[Row] = [
    sent(E, "maiagent", "chatbotId (path)", "path", CHATBOT, agent_id=CHATBOT),
    continued(E, "maiagent", "conversation"),
    sent(E, "maiagent", "message.content", "message.content", cells=everywhere(PROMPT)),
    sent(
        E,
        "maiagent",
        "message.contentPayload",
        "message.contentPayload",
        {"a": 1},
        content_payload={"a": 1},
    ),
    sent(
        E,
        "maiagent",
        "message.queryMetadata",
        "message.queryMetadata",
        {"a": 1},
        query_metadata={"a": 1},
    ),
    sent(E, "maiagent", "message.sender", "message.sender", CONTACT, sender=CONTACT),
    sent(E, "maiagent", "isStreaming", "isStreaming", False, cells=STREAM),
    *(Attached(E, f"message.attachments[].{n}", FILES, n) for n in ("id", "filename", "file")),
    Attached(E, "message.attachments[].type", FILES, "type", "image"),
    Explained(
        E,
        "attachment types image, audio, other; video, sticker not yet supported",
        turned([*list(FILES.values())[:2], "file blocks; a video is refused by its name"]),
    ),
    refused(
        E,
        "maiagent",
        "400: parameter error",
        "400 Bad Request",
        {"message": {"sender": ["The contact does not belong to the organization."]}},
        BadRequestError,
        "does not belong to the organization",
    ),
    Explained(E, "200: response or event stream", STREAM),
    *beside(),
]
