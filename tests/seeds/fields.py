"""Each line of the five documents that names a field, header, status, limit or operation.

`python -m tests.seeds.fields` prints `docs/fields.md`; `test_fields.py` tries each row on each
face.
"""

from __future__ import annotations

from typing import Any

from remote_agents import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from tests.seeds.maiagent import MAIAGENT_ROWS
from tests.seeds.rows import (
    Earlier,
    Explained,
    Row,
    Sent,
    argument,
    everywhere,
)
from tests.seeds.short_rows import (
    HISTORY,
    PROMPT,
    STREAM,
    continued,
    headed,
    refused,
    sent,
    told,
    turned,
)

# --- 000 -----------------------------------------------------------------------------------------

A = "CloudBase, OpenAI protocol"
COUNTS = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 0}
A_TOLD = {"id": "record-427d3652", "object": "chat.completion", "created": "1726030224"}
A_CHOICE = {"index": 0, "finish_reason": "continue"}
A_SAID = {"role": "assistant", "content": "Hello"}
A_WHOLE = {
    **A_TOLD,
    "model": "bot-xxxx",
    "choices": [{**A_CHOICE, "message": A_SAID}],
    "usage": COUNTS,
}
A_STREAM = [
    {**A_TOLD, "model": "bot-xxxx", "choices": [{**A_CHOICE, "delta": A_SAID}], "usage": COUNTS},
    {
        **A_TOLD,
        "model": "bot-xxxx",
        "choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": "stop"}],
        "usage": {**COUNTS, "completion_tokens": 21},
    },
]
CREDENTIALS = {
    "code": "INVALID_CREDENTIALS",
    "message": "Credentials are invalid",
    "requestId": "6360ba4b",
}


def openai_fields(document: str, endpoint: str, body: Any, text: str, made: int) -> list[Row]:
    """What an OpenAI object says, whole or streamed; `made` tokens in the answer."""
    how = "stream, " if isinstance(body, list) else ""
    first = body[0] if isinstance(body, list) else body
    rows: list[Row] = [
        told(document, endpoint, f"{how}choices[].content", body, "text", text),
        told(document, endpoint, f"{how}choices[].finish_reason", body, "finish_reason", "stop"),
    ]
    for name, key in (("id", "reply_id"), ("model", "model_name")):
        if name in first:
            rows.append(told(document, endpoint, how + name, body, key, first[name]))
    rows += [
        told(document, endpoint, how + name, body, f"raw.{name}", first[name])
        for name in ("object", "created")
        if name in first
    ]
    if "usage" in first:
        sent_, counted = first["usage"]["prompt_tokens"], first["usage"]["prompt_tokens"] + made
        rows += [
            told(document, endpoint, f"{how}usage.prompt_tokens", body, "usage.input", sent_),
            told(document, endpoint, f"{how}usage.completion_tokens", body, "usage.output", made),
            told(document, endpoint, f"{how}usage.total_tokens", body, "usage.total", counted),
        ]
    return rows


def roles(document: str, endpoint: str, path: str) -> list[Row]:
    return [
        sent(document, endpoint, "messages[].role", f"{path}.0.role", "user", cells=HISTORY),
        sent(document, endpoint, "messages[].content", f"{path}.0.content", cells=HISTORY),
    ]


ROLE = everywhere("always `assistant`: the reply is one")
INDEX = turned(
    ["`reply.alternatives`, in their order", "further generations", '`"alternatives"`, in order']
)
OPENAI_ROWS: list[Row] = [
    sent(A, "cloudbase_openai", "model (Agent ID)", "model", agent_id="bot-handbook"),
    *roles(A, "cloudbase_openai", "messages"),
    sent(A, "cloudbase_openai", "stream", "stream", False, cells=STREAM),
    headed(A, "cloudbase_openai", A_WHOLE),
    *openai_fields(A, "cloudbase_openai", A_WHOLE, "Hello", 20),
    *openai_fields(A, "cloudbase_openai", A_STREAM, "Hello!", 21),
    Explained(A, "choices[].index", INDEX),
    Explained(A, "choices[].message.role", ROLE),
    refused(
        A,
        "cloudbase_openai",
        "error: code, message, requestId",
        "401 Unauthorized",
        CREDENTIALS,
        AuthenticationError,
        "Credentials are invalid",
    ),
]

# --- 001 -----------------------------------------------------------------------------------------

B = "CloudBase, native protocol"
B_FRAME = {
    "created": "1726030224",
    "record_id": "record-427d3652",
    "model": "hunyuan",
    "version": "202407241700",
    "type": "assistant",
    "role": "assistant",
    "content": "Hello",
    "finish_reason": "continue",
    "reasoning_content": "A greeting.",
    "usage": {"promptTokens": 10, "completionTokens": 20, "totalTokens": 30},
    "knowledge_base": [""],
    "search_info": {"search_results": [{"index": "[1]", "title": "Title", "url": "https://x.io"}]},
}
B_LAST = {**B_FRAME, "content": "", "reasoning_content": "", "finish_reason": "stop"}
B_STREAM = [B_FRAME, {name: value for name, value in B_LAST.items() if name != "search_info"}]
KNOWN = [{**B_FRAME, "search_info": {}, "knowledge_base": ["handbook"]}, B_STREAM[1]]
B_TOLD = (
    ("created", "raw.created", "1726030224"),
    ("record_id", "reply_id", "record-427d3652"),
    ("model", "model_name", "hunyuan"),
    ("version", "raw.version", "202407241700"),
    ("content", "text", "Hello"),
    ("finish_reason", "finish_reason", "stop"),
    ("reasoning_content", "reasoning", "A greeting."),
    ("usage.promptTokens", "usage.input", 10),
    ("usage.completionTokens", "usage.output", 20),
    ("usage.totalTokens", "usage.total", 30),
    ("search_info.search_results[].index", "citation.marker", "[1]"),
    ("search_info.search_results[].title", "citation.title", "Title"),
    ("search_info.search_results[].url", "citation.url", "https://x.io"),
)
LINK = "https://example.com/a.pdf"
NATIVE_ROWS: list[Row] = [
    sent(B, "cloudbase", "botId (path)", "path", "bot-handbook", agent_id="bot-handbook"),
    sent(B, "cloudbase", "msg", "msg", cells=everywhere(PROMPT)),
    Earlier(B, "history[].role, history[].content", HISTORY, "cloudbase", "history"),
    sent(B, "cloudbase", "searchEnable", "searchEnable", True, search_enable=True),
    sent(B, "cloudbase", "files", "files.0", LINK, files=[LINK]),
    continued(B, "cloudbase", "conversationId"),
    headed(B, "cloudbase", B_STREAM),
    *(told(B, "cloudbase", name, B_STREAM, key, value) for name, key, value in B_TOLD),
    told(B, "cloudbase", "knowledge_base", KNOWN, "citation.title", "handbook"),
    Explained(B, "type", everywhere("text, reasoning, sources or steps: each stands in its place")),
    Explained(B, "role", ROLE),
    refused(
        B,
        "cloudbase",
        "error: code, message, requestId",
        "401 Unauthorized",
        CREDENTIALS,
        AuthenticationError,
        "Credentials are invalid",
    ),
]

# --- 002 -----------------------------------------------------------------------------------------

C = "Private AI"
C_SENT = {
    "seed": 7,
    "temperature": 0.5,
    "n": 1,
    "stop": ["END"],
    "max_tokens": 50,
    "model": "llama-3.3-70b-instruct",
}
SERVICE_JUDGES = "what is out of range is the service's to refuse: `UnprocessableEntityError`"
PRIVATE_AI_ROWS: list[Row] = [
    Sent(
        C,
        "agent_id (path)",
        argument("private_ai", "agent_id="),
        "private_ai",
        "path",
        value="/assistants/",
    ),
    *(sent(C, "private_ai", name, name, value, **{name: value}) for name, value in C_SENT.items()),
    sent(C, "private_ai", "stream", "stream", False, cells=STREAM),
    *roles(C, "private_ai", "messages"),
    sent(C, "private_ai", "create_session", "create_session", True, memory="server"),
    continued(C, "private_ai", "store_in_session"),
    Explained(
        C, "temperature 0 to 2, n, stop, max_tokens, messages: minima", everywhere(SERVICE_JUDGES)
    ),
    Explained(C, "header Authorization", argument("private_ai", "api_key=")),
    Explained(
        C, "200", everywhere("an answer, read as an OpenAI object (see the other documents)")
    ),
    refused(
        C,
        "private_ai",
        "400: unsupported role or unexpected model",
        "400 Bad Request",
        {"detail": "Unexpected model x"},
        BadRequestError,
        "Unexpected model",
    ),
    refused(
        C,
        "private_ai",
        "404: no agent with this ID",
        "404 Not Found",
        {"detail": "No agent found with ID bot"},
        NotFoundError,
        "No agent found",
    ),
    refused(
        C,
        "private_ai",
        "422: detail",
        "422 Unprocessable Entity",
        {"detail": [{"loc": ["body", "n"], "msg": "too small", "type": "value_error"}]},
        UnprocessableEntityError,
        "body.n: too small",
    ),
]

# --- 003 -----------------------------------------------------------------------------------------

D = "BlueNexus"
D_TOLD = {"id": "chatcmpl-abc123", "object": "chat.completion", "created": 1713000000}
D_WHOLE = {
    **D_TOLD,
    "model": "bluenexus/glm-4.7-flash-tee",
    "choices": [{"index": 0, "message": A_SAID, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 150, "completion_tokens": 45, "total_tokens": 195},
}
D_STREAM = [
    {"choices": [{"delta": {"role": "assistant"}}]},
    {"choices": [{"delta": {"content": "Here"}}]},
    {"choices": [{"delta": {"content": " are"}}]},
]
D_HEADERS = ("X-Credits-Consumed: 15", "X-Credits-Remaining: 19985", "X-Conversation-Id: conv-xyz")
D_READ = (("credits_consumed", 15), ("credits_remaining", 19985), ("conversation_id", "conv-xyz"))
BLUENEXUS_ROWS: list[Row] = [
    sent(D, "bluenexus", "AGENT_ID (path)", "path", "/agents/default/", agent_id="default"),
    *roles(D, "bluenexus", "messages"),
    sent(D, "bluenexus", "stream", "stream", False, cells=STREAM),
    sent(D, "bluenexus", "temperature", "temperature", 0.5, temperature=0.5),
    sent(D, "bluenexus", "max_tokens", "max_tokens", 50, max_tokens=50),
    continued(D, "bluenexus", "conversationId"),
    *openai_fields(D, "bluenexus", D_WHOLE, "Hello", 45),
    told(D, "bluenexus", "stream, choices[].delta.content", D_STREAM, "text", "Here are"),
    *(
        told(D, "bluenexus", f"header {line.split(':')[0]}", D_WHOLE, key, value, *D_HEADERS)
        for line, (key, value) in zip(D_HEADERS, D_READ, strict=True)
    ),
    Explained(D, "choices[].message.role", ROLE),
    refused(
        D,
        "bluenexus",
        "scope agents-all or agents-use",
        "403 Forbidden",
        {"statusCode": 403, "message": "Missing scope"},
        PermissionDeniedError,
        "Missing scope",
    ),
    refused(
        D,
        "bluenexus",
        "429: 30 requests per minute",
        "429 Too Many Requests",
        {"statusCode": 429, "message": "Rate limit exceeded"},
        RateLimitError,
        "Rate limit exceeded",
    ),
    Explained(D, "rate limit 30 per minute", argument("bluenexus", 'rate_limit="30/minute"')),
]

ROWS: tuple[Row, ...] = (
    *OPENAI_ROWS,
    *NATIVE_ROWS,
    *PRIVATE_AI_ROWS,
    *BLUENEXUS_ROWS,
    *MAIAGENT_ROWS,
)

HEAD = """\
# Fields

Each field, header, status, limit and operation that the five documents of the chat endpoints name:
by which argument it goes in, or by which attribute it comes out, with the plain client, LangChain
and LlamaIndex. A test tries each row on all three.

Generated by `python -m tests.seeds.fields`; the tests fail when it is out of date.

| document | field | plain client | LangChain | LlamaIndex |
|---|---|---|---|---|
"""


def table() -> str:
    """The page `docs/fields.md`."""
    rows = (
        " | ".join(["", r.document, r.field, *map(r.cells.__getitem__, FACES), ""]).strip()
        for r in ROWS
    )
    return HEAD + "\n".join(rows) + "\n"


FACES = ("plain", "langchain", "llamaindex")

if __name__ == "__main__":
    print(table(), end="")
