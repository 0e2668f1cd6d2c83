"""What LangChain's chains, retrievers and agents send, from the installed packages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from langchain_classic.agents.conversational import prompt as conversational
from langchain_classic.agents.conversational_chat.prompt import TEMPLATE_TOOL_RESPONSE
from langchain_classic.agents.mrkl import prompt as mrkl
from langchain_classic.agents.self_ask_with_search.prompt import PROMPT as SELF_ASK
from langchain_classic.agents.structured_chat import prompt as structured_chat
from langchain_classic.chains.chat_vector_db import prompts as chat_vector_db
from langchain_classic.chains.conversation import prompt as conversation
from langchain_classic.chains.flare import prompts as flare
from langchain_classic.chains.hyde import prompts as hyde
from langchain_classic.chains.qa_with_sources import (
    map_reduce_prompt as cited_map_reduce,
    refine_prompts as cited_refine,
    stuff_prompt as cited_stuff,
)
from langchain_classic.chains.question_answering import (
    map_reduce_prompt,
    map_rerank_prompt,
    refine_prompts,
    stuff_prompt,
)
from langchain_classic.chains.retrieval_qa.prompt import PROMPT as RETRIEVAL_QA
from langchain_classic.chains.summarize import (
    refine_prompts as summary_refine,
    stuff_prompt as summary,
)
from langchain_classic.memory.prompt import ENTITY_MEMORY_CONVERSATION_TEMPLATE
from langchain_classic.retrievers.document_compressors import chain_extract_prompt
from langchain_core.prompts import BasePromptTemplate, PromptTemplate

from tests.sandbox.prompts.shapes import AGENT, NOT_KNOWN, Messages

ROLES = {"human": "user", "ai": "assistant", "system": "system"}
QUESTION = ("question", "input", "user_input", "QUESTION")
CONTEXT = ("context", "summaries", "context_str", "text", "entities")


def filled(prompt: BasePromptTemplate[Any], context: str = "{c}", **values: str) -> Messages:
    """A template's messages with `{q}` for its question and `{c}` in its context."""
    marks = {**dict.fromkeys(QUESTION, "{q}"), **dict.fromkeys(CONTEXT, context)}
    given = {"existing_answer": NOT_KNOWN, "history": "", "response": "", **marks, **values}
    needed = {name: given[name] for name in prompt.input_variables}
    messages = prompt.format_prompt(**needed).to_messages()
    return [(ROLES[message.type], str(message.content)) for message in messages]


CITED = cited_stuff.EXAMPLE_PROMPT.format(page_content="{c}", source="ops-3")
TWO_CITED = f"Content: Gulls are loud.\nSource: ops-1\n{CITED}"
SCRATCH = "I should search.\nAction: search\nAction Input: it\nObservation: {c}\nThought:"
TOOL = "search(query: str) - Searches the port's wiki."
NAMES = {"tool_names": "search"}
MRKL = "\n\n".join((mrkl.PREFIX, TOOL, mrkl.FORMAT_INSTRUCTIONS.format(**NAMES), mrkl.SUFFIX))
CONVERSATIONAL = "\n\n".join(
    (
        conversational.PREFIX,
        f"> search: {TOOL}",
        conversational.FORMAT_INSTRUCTIONS.format(**NAMES, ai_prefix="AI"),
        conversational.SUFFIX,
    )
)
STRUCTURED = "\n\n".join(
    (
        structured_chat.PREFIX,
        TOOL,
        structured_chat.FORMAT_INSTRUCTIONS.replace("{tool_names}", "search")
        .replace("{{{{", "{")
        .replace("}}}}", "}"),
        structured_chat.SUFFIX,
    )
)

LANGCHAIN: Mapping[str, Messages] = {
    "stuff": filled(stuff_prompt.PROMPT),
    "stuff, chat": filled(stuff_prompt.CHAT_PROMPT),
    "stuff, with sources": filled(cited_stuff.PROMPT, CITED),
    "stuff, with two sources": filled(cited_stuff.PROMPT, TWO_CITED),
    "retrieval qa": filled(RETRIEVAL_QA),
    "chat over a vector database": filled(chat_vector_db.QA_PROMPT),
    "map": filled(map_reduce_prompt.QUESTION_PROMPT),
    "map, chat": filled(map_reduce_prompt.CHAT_QUESTION_PROMPT),
    "map, with sources": filled(cited_map_reduce.QUESTION_PROMPT),
    "reduce": filled(map_reduce_prompt.COMBINE_PROMPT),
    "reduce, chat": filled(map_reduce_prompt.CHAT_COMBINE_PROMPT),
    "reduce, with sources": filled(cited_map_reduce.COMBINE_PROMPT, CITED),
    "map rerank": filled(map_rerank_prompt.PROMPT),
    "refine, first": filled(refine_prompts.DEFAULT_TEXT_QA_PROMPT),
    "refine, first, chat": filled(refine_prompts.CHAT_QUESTION_PROMPT),
    "refine": filled(refine_prompts.DEFAULT_REFINE_PROMPT),
    "refine, chat": filled(refine_prompts.CHAT_REFINE_PROMPT),
    "refine, nothing new": filled(
        refine_prompts.CHAT_REFINE_PROMPT, "Gulls are loud.", existing_answer="{c}"
    ),
    "refine, text, nothing new": filled(
        refine_prompts.DEFAULT_REFINE_PROMPT, "Gulls are loud.", existing_answer="{c}"
    ),
    "refine, with sources": filled(cited_refine.DEFAULT_REFINE_PROMPT, CITED),
    "refine, first, with sources": filled(cited_refine.DEFAULT_TEXT_QA_PROMPT, CITED),
    "contextual compression": filled(
        PromptTemplate.from_template(
            chain_extract_prompt.prompt_template.format(no_output_str="NO_OUTPUT")
        )
    ),
    "conversation": filled(conversation.PROMPT, history="Human: {c}\nAI: Noted."),
    "conversation, entities": filled(ENTITY_MEMORY_CONVERSATION_TEMPLATE, "{'port': '{c}'}"),
    "flare": filled(flare.PROMPT),
    "hyde after a fact": [("user", "{c}"), ("assistant", "Noted."), *filled(hyde.web_search)],
    "react": [
        ("user", MRKL.replace("{input}", "{q}").replace("{agent_scratchpad}", f" {SCRATCH}"))
    ],
    "react, conversational": [
        (
            "user",
            CONVERSATIONAL.replace("{chat_history}", "Human: Hi\nAI: Hello!")
            .replace("{input}", "{q}")
            .replace("{agent_scratchpad}", f"Thought: {SCRATCH}"),
        )
    ],
    "structured chat": [
        ("system", STRUCTURED),
        ("user", f"{{q}}\n\nThis was your previous work:\nThought: {SCRATCH}"),
    ],
    "tool response": [
        ("user", "{q}"),
        ("assistant", '```json\n{"action": "search", "action_input": "it"}\n```'),
        ("user", TEMPLATE_TOOL_RESPONSE.replace("{observation}", "{c}")),
    ],
    "self ask": filled(
        SELF_ASK, agent_scratchpad=" Yes.\nFollow up: {q}\nIntermediate answer: {c}"
    ),
    "summary": filled(summary.PROMPT),
    "summary, refined": filled(summary_refine.REFINE_PROMPT),
    "summarization middleware": [
        ("system", f"{AGENT}\n\nHere is a summary of the conversation to date:\n\n{{c}}"),
        ("user", "{q}"),
    ],
    "documents as their repr": [
        (
            role,
            re.sub("{c}", "[Document(id='7', metadata={'source': 'wiki'}, page_content='{c}')]", t),
        )
        for role, t in filled(RETRIEVAL_QA)
    ],
    "a tool's result": [("user", "{q}"), ("assistant", ""), ("tool", "{c}")],
    "a tool's result, then go on": [
        ("user", "{q}"),
        ("assistant", "I look it up."),
        ("tool", '[{"title": "Wiki", "content": "{c}"}]'),
        ("user", "Now answer, please."),
    ],
}
