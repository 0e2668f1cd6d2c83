"""Prompts by where they come from, each a list of messages.

`{q}` stands for the question and `{c}` for the text that answers it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.sandbox.prompts.langchain import LANGCHAIN
from tests.sandbox.prompts.llamaindex import LLAMA_INDEX
from tests.sandbox.prompts.shapes import SHAPES, Messages

PROMPTS: Mapping[str, Messages] = {
    **{f"llama_index: {name}": messages for name, messages in LLAMA_INDEX.items()},
    **{f"langchain: {name}": messages for name, messages in LANGCHAIN.items()},
    **{f"shape: {name}": messages for name, messages in SHAPES.items()},
}
