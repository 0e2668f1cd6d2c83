"""Agents that speak AG-UI, the Agent User Interaction Protocol (docs.ag-ui.com).

A run is one POST of a `RunAgentInput` to the agent's address, answered by a stream of events. The
client names the thread. Some agents keep it, others only echo it: all messages at hand go along.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from remote_agents.flow import Flow, Request, Stream
from remote_agents.types import Attachment, Event, Message, Reply, Turn, Unknown
from remote_agents.uploads import load_upload
from remote_agents.wire.ag_ui import (
    NOTHING,
    Sent,
    decode_ag_ui,
    is_ag_ui,
    run_input,
    sent_in,
    tells_history,
)


def turn(asked: Turn) -> Flow[Reply]:
    """One run; files go into their message, those at a path are read first."""
    if tells_history(asked):
        asked = replace(asked, history=(yield from _loaded(asked.history)))
    asked = replace(asked, messages=(yield from _loaded(asked.messages)))
    thread_id = asked.conversation_id or str(uuid.uuid4())
    body = run_input(asked, thread_id, parts=True)
    reads = partial(decode, sent=sent_in(body, asked))
    request = Request("POST", "", json=body, stream=True, other_path="/")
    reply: Reply = yield Stream(request, reads, thread_id)
    return reply


def _loaded(messages: Iterable[Message]) -> Flow[list[Message]]:
    """Copies with the content of their files: the caller's own are read anew in each turn."""
    loaded: list[Message] = []
    for message in messages:
        files = list(message.attachments)
        for at, file in enumerate(files):
            if not (file.url or file.file_id):
                files[at] = yield from _read(file)
        loaded.append(replace(message, attachments=files) if files else message)
    return loaded


def _read(file: Attachment) -> Flow[Attachment]:
    name, content, mime_type = yield from load_upload(file)
    return replace(file, filename=name, data=content, mime_type=mime_type)


def decode(data: object, so_far: Reply, sent: Sent = NOTHING) -> list[Event]:
    """One event into ours.

    Raises:
        RemoteFailureError: The run failed.
    """
    return decode_ag_ui(data, so_far, sent) if is_ag_ui(data) else [Unknown(data)]
