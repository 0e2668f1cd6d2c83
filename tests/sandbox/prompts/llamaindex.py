"""What LlamaIndex sends by default, from the installed package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.agent.react.formatter import get_react_tool_descriptions
from llama_index.core.agent.react.prompts import CONTEXT_REACT_CHAT_SYSTEM_HEADER
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import condense_plus_context, context
from llama_index.core.indices.struct_store import sql_query
from llama_index.core.prompts import BasePromptTemplate, chat_prompts, default_prompts
from llama_index.core.query_engine import citation_query_engine, sql_join_query_engine
from llama_index.core.tools import FunctionTool

from tests.sandbox.prompts.shapes import NOT_KNOWN, Messages

QUESTION = ("query_str", "question", "query")
CONTEXT = ("context_str", "context_msg", "context")


def filled(prompt: BasePromptTemplate, context: str = "{c}", **values: Any) -> Messages:
    """A template's messages with `{q}` for its question and `{c}` in its context."""
    marks = {**dict.fromkeys(QUESTION, "{q}"), **dict.fromkeys(CONTEXT, context)}
    given = {"existing_answer": NOT_KNOWN, "schema": "berths (id, depth)", **marks, **values}
    messages = prompt.format_messages(**given)
    return [(message.role.value, message.content or "") for message in messages]


def system(template: str, text: str = "{c}") -> Messages:
    """A system template with its context, and the question after it."""
    values = {**dict.fromkeys(CONTEXT, text), "existing_answer": NOT_KNOWN}
    return [("system", template.format(**values)), ("user", "{q}")]


def search(query: str) -> str:
    """Search the wiki."""
    return f"Nothing about {query}."


TOOLS = {"tool_desc": "".join(get_react_tool_descriptions([FunctionTool.from_defaults(search)]))}
CITED = "Source 1:\nGulls are loud.\n\nSource 2:\n{c}\n"
WITH_METADATA = "page_label: 4\nfile_path: wiki/ops.md\n\n{c}"
TWO_NODES = "file_path: a.md\n\nGulls are loud.\n\nfile_path: wiki/ops.md\n\n{c}"
ACTION = "Thought: I need a tool.\nAction: search\nAction Input: {}"
BLOCKS = [ChatMessage(content="Gulls are loud."), ChatMessage(content="{c}")]
REFINED = ("DEFAULT_REFINE_PROMPT", "DEFAULT_REFINE_TABLE_CONTEXT_PROMPT")
TEXT_QA = default_prompts.DEFAULT_TEXT_QA_PROMPT
HYDE = default_prompts.DEFAULT_HYDE_PROMPT


def react(text: str) -> Messages:
    """The header of a ReAct agent with some context."""
    header = CONTEXT_REACT_CHAT_SYSTEM_HEADER.format(**TOOLS, tool_names="search", context=text)
    return [("system", header), ("user", "{q}")]


LLAMA_INDEX: Mapping[str, Messages] = {
    "text qa": filled(TEXT_QA),
    "text qa, a node with metadata": filled(TEXT_QA, WITH_METADATA),
    "text qa, two nodes": filled(TEXT_QA, TWO_NODES),
    "text qa, answers to sub-questions": filled(TEXT_QA, "Sub question: {q}\nResponse: {c}"),
    "text qa, a table": filled(TEXT_QA, "| id | text |\n|---|---|\n| 1 | {c} |"),
    "tree summarize": filled(default_prompts.DEFAULT_TREE_SUMMARIZE_PROMPT),
    "refine": filled(default_prompts.DEFAULT_REFINE_PROMPT),
    "refine table context": filled(default_prompts.DEFAULT_REFINE_TABLE_CONTEXT_PROMPT),
    "table context": filled(default_prompts.DEFAULT_TABLE_CONTEXT_PROMPT),
    "simple input": filled(default_prompts.DEFAULT_SIMPLE_INPUT_PROMPT, query_str="{c} {q}"),
    "chat text qa": filled(chat_prompts.CHAT_TEXT_QA_PROMPT),
    "chat content qa": filled(chat_prompts.CHAT_CONTENT_QA_PROMPT, context_messages=BLOCKS),
    "chat tree summarize": filled(chat_prompts.CHAT_TREE_SUMMARIZE_PROMPT),
    "chat content tree summarize": filled(
        chat_prompts.CHAT_CONTENT_TREE_SUMMARIZE_PROMPT, context_messages=BLOCKS
    ),
    "chat refine": filled(chat_prompts.CHAT_REFINE_PROMPT),
    "chat content refine": filled(chat_prompts.CHAT_CONTENT_REFINE_PROMPT, context_messages=BLOCKS),
    "chat refine table context": filled(chat_prompts.CHAT_REFINE_TABLE_CONTEXT_PROMPT),
    "citation": filled(citation_query_engine.CITATION_QA_TEMPLATE),
    "citation, numbered": filled(citation_query_engine.CITATION_QA_TEMPLATE, CITED),
    "citation refine": filled(citation_query_engine.CITATION_REFINE_TEMPLATE, CITED),
    "context chat": system(context.DEFAULT_CONTEXT_TEMPLATE),
    "context chat refine": system(context.DEFAULT_REFINE_TEMPLATE),
    "condense plus context": system(condense_plus_context.DEFAULT_CONTEXT_PROMPT_TEMPLATE),
    "condense plus context refine": system(
        condense_plus_context.DEFAULT_CONTEXT_REFINE_PROMPT_TEMPLATE
    ),
    "hyde after a fact": [
        ("user", "{c}"),
        ("assistant", "Noted."),
        *filled(HYDE, "{q}"),
    ],
    "react, with context": react("{c}"),
    "react, an observation": [
        *react(""),
        ("assistant", ACTION),
        ("user", "Observation: {c}"),
    ],
    "sql response": filled(
        sql_query.DEFAULT_RESPONSE_SYNTHESIS_PROMPT_V2, sql_query="SELECT text FROM notes"
    ),
    "sql join": filled(
        sql_join_query_engine.DEFAULT_SQL_JOIN_SYNTHESIS_PROMPT,
        sql_query_str="SELECT 1",
        sql_response_str="nothing",
        query_engine_query_str="{q}",
        query_engine_response_str="{c}",
    ),
}
