"""All that a turn of an LLM needs: loaded with the first LLM, not with its class."""

from __future__ import annotations

from llamaindex_agents._answers import (
    achat_responses as achat_responses,
    acompletions as acompletions,
    chat_responses as chat_responses,
    completion as completion,
    completions as completions,
    text_of as text_of,
)
from llamaindex_agents._convert import (
    chat_response as chat_response,
    check_messages as check_messages,
    prompt as prompt,
    to_messages as to_messages,
)
from llamaindex_agents._tools import (
    asked as asked,
    keep_first_call as keep_first_call,
    offered as offered,
    selections as selections,
)
from remote_agents.agent import Agent as Agent
from remote_agents.memory.dialogue import (
    required as required,
    without_absent as without_absent,
)
from remote_agents.memory.sessions import current_session as current_session
from remote_agents.unknown_names import unknown_name as unknown_name
from remote_agents.wire.json_in_text import (
    newest_object_in as newest_object_in,
    objects_in as objects_in,
)
