"""Whether a turn was refused for the length of what was sent. Pure."""

from __future__ import annotations

import re

from remote_agents.errors import AgentError, AgentStatusError, RemoteFailureError

# No document says how a service tells it: by what is too long, a context or what was sent, since
# much else can be, a wait, a name. Then come only words that lead to its length.
TOO_LONG = re.compile(
    r"context[ _](?:window|length|limit)|input length|maximum prompt length|length of the messages"
    r"|(?:input|prompt|message|content|context|text|body|query|question|history)s?"
    r"(?:[\W_]+(?:is|are|was|were|has|have|this|field|value|string|should|must|be|ensure))*[\W_]+"
    r"(?:too[ _]long|too[ _]many[ _]tokens|(?:no more than|at most) \d|shorter than)"
    r"|(?:上下文|输入|輸入|内容|內容|消息|訊息|问题|問題|历史|歷史)[^。]{0,6}(?:[过過超][长長]|超[过過出])",
    re.IGNORECASE,
)
SHORTEN = (
    "Send less: shorten the question, or the history that goes along (trim_messages in LangChain, "
    "a memory's token_limit in LlamaIndex)."
)


def tell_of_length(error: AgentError) -> None:
    """Tell how to send less, if a service refused a turn, or failed, since too much was sent."""
    if not isinstance(error, (AgentStatusError, RemoteFailureError)):
        return
    status = error.status_code if isinstance(error, AgentStatusError) else 0
    said = status in (0, 400, 413, 422) and bool(TOO_LONG.search(f"{error.code} {error}"))
    if isinstance(error, AgentStatusError):
        error.too_long = said
    if said or status == 413:
        error.args = (f"{str(error).rstrip('.')}. {SHORTEN}",)
