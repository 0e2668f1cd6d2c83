"""Prompts as people send them: frameworks' own templates, and the usual shapes beside them.

Each is a list of messages with `{q}` for the question and `{c}` for the text that answers it.
"""

from __future__ import annotations

from collections.abc import Mapping

from llama_index.core.agent.react.prompts import CONTEXT_REACT_CHAT_SYSTEM_HEADER
from llama_index.core.chat_engine.condense_plus_context import (
    DEFAULT_CONTEXT_PROMPT_TEMPLATE,
    DEFAULT_CONTEXT_REFINE_PROMPT_TEMPLATE,
)
from llama_index.core.chat_engine.context import DEFAULT_CONTEXT_TEMPLATE, DEFAULT_REFINE_TEMPLATE
from llama_index.core.prompts import chat_prompts, default_prompts
from llama_index.core.query_engine.citation_query_engine import (
    CITATION_QA_TEMPLATE,
    CITATION_REFINE_TEMPLATE,
)
from llama_index.core.query_engine.flare.base import DEFAULT_INSTRUCT_PROMPT

Messages = list[tuple[str, str]]
NOT_KNOWN = "I do not know."


def llama_index() -> Mapping[str, Messages]:
    """What LlamaIndex sends by default, from the installed package."""
    qa, refine = default_prompts.DEFAULT_TEXT_QA_PROMPT_TMPL, default_prompts
    ours = {"query_str": "{q}", "context_str": "{c}", "context_msg": "{c}"}
    known = {**ours, "existing_answer": NOT_KNOWN}
    react = CONTEXT_REACT_CHAT_SYSTEM_HEADER.format(
        tool_desc="> Tool Name: search\nTool Description: Searches the port's wiki.\n",
        tool_names="search",
        context="{c}",
    )
    return {
        "text qa": [("user", qa.format(**ours))],
        "tree summarize": [("user", default_prompts.DEFAULT_TREE_SUMMARIZE_TMPL.format(**ours))],
        "refine": [("user", refine.DEFAULT_REFINE_PROMPT_TMPL.format(**known))],
        "chat text qa": _chat(chat_prompts.CHAT_TEXT_QA_PROMPT, ours),
        "chat tree summarize": _chat(chat_prompts.CHAT_TREE_SUMMARIZE_PROMPT, ours),
        "chat refine": _chat(chat_prompts.CHAT_REFINE_PROMPT, known),
        "table context": _chat(
            default_prompts.DEFAULT_TABLE_CONTEXT_PROMPT, {**ours, "schema": "berths (id, depth)"}
        ),
        "table refine": _chat(
            chat_prompts.CHAT_REFINE_TABLE_CONTEXT_PROMPT, {**known, "schema": "berths (id, depth)"}
        ),
        "citation": [("user", CITATION_QA_TEMPLATE.format(**ours, context_list=""))],
        "citation, numbered": [
            ("user", CITATION_QA_TEMPLATE.format(query_str="{q}", context_str="Source 1:\n{c}\n"))
        ],
        "citation refine": [("user", CITATION_REFINE_TEMPLATE.format(**known))],
        "context chat": [("system", DEFAULT_CONTEXT_TEMPLATE.format(**ours)), ("user", "{q}")],
        "context chat refine": [
            ("system", DEFAULT_REFINE_TEMPLATE.format(**known)),
            ("user", "{q}"),
        ],
        "condense plus context": [
            ("system", DEFAULT_CONTEXT_PROMPT_TEMPLATE.format(**ours)),
            ("user", "{q}"),
        ],
        "condense plus context refine": [
            ("system", DEFAULT_CONTEXT_REFINE_PROMPT_TEMPLATE.format(**known)),
            ("user", "{q}"),
        ],
        "hyde after a fact": [
            ("user", "{c}"),
            ("assistant", "Noted."),
            ("user", default_prompts.HYDE_TMPL.format(context_str="{q}")),
        ],
        "flare": [
            (
                "user",
                DEFAULT_INSTRUCT_PROMPT.format(query_str="{q}", existing_answer="{c}"),
            )
        ],
        "react context": [("system", react), ("user", "{q}")],
        "react observation": [
            ("user", "{q}"),
            ("assistant", "Thought: I need a tool.\nAction: search\nAction Input: {}"),
            ("user", "Observation: {c}"),
        ],
        "sub-question answers": [
            ("user", qa.format(query_str="{q}", context_str="Sub question: {q}\nResponse: {c}"))
        ],
        "nodes with metadata": [
            (
                "user",
                qa.format(
                    query_str="{q}", context_str="page_label: 4\nfile_path: wiki/ops.md\n\n{c}"
                ),
            )
        ],
    }


def _chat(prompt: object, values: Mapping[str, str]) -> Messages:
    messages = prompt.format_messages(**values)  # type: ignore[attr-defined]
    return [(str(m.role.value), str(m.content)) for m in messages]


RAG = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
    "context to answer the question. If you don't know the answer, just say that you don't know. "
    "Use three sentences maximum and keep the answer concise."
)
STUFF = (
    "Use the following pieces of context to answer the user's question. \nIf you don't know the "
    "answer, just say that you don't know, don't try to make up an answer.\n----------------\n{c}"
)
GIVEN = (
    "Use the given context to answer the question. If you don't know the answer, say you don't "
    "know. Use three sentence maximum and keep the answer concise. Context: {c}"
)
MAP = (
    "Use the following portion of a long document to see if any of the text is relevant to answer "
    "the question. \nReturn any relevant text verbatim.\n{c}\nQuestion: {q}\n"
    "Relevant text, if any:"
)
REDUCE = (
    "Given the following extracted parts of a long document and a question, create a final answer "
    "with references (\"SOURCES\"). \nIf you don't know the answer, just say that you don't know. "
    'Don\'t try to make up an answer.\nALWAYS return a "SOURCES" part in your answer.\n\n'
    "QUESTION: Which state/country's law governs the interpretation of the contract?\n=========\n"
    "Content: This Agreement is governed by English law.\nSource: 28-pl\n=========\n"
    "FINAL ANSWER: This Agreement is governed by English law.\nSOURCES: 28-pl\n\n"
    "QUESTION: {q}\n=========\nContent: {c}\nSource: ops-3\n=========\nFINAL ANSWER:"
)
RERANK = (
    "Use the following pieces of context to answer the question at the end. If you don't know the "
    "answer, just say that you don't know, don't try to make up an answer.\n\nIn addition to "
    "giving an answer, also return a score of how fully it answered the user's question. This "
    "should be in the following format:\n\nQuestion: [question here]\nHelpful Answer: [answer "
    "here]\nScore: [score between 0 and 100]\n\nExample #1\n\nContext:\n---------\nApples are "
    "red\n---------\nQuestion: what color are apples?\nHelpful Answer: red\nScore: 100\n\nBegin!"
    "\n\nContext:\n---------\n{c}\n---------\nQuestion: {q}\nHelpful Answer:"
)
REFINES = (
    "We have the opportunity to refine the existing answer (only if needed) with some more "
    "context below.\n------------\n{c}\n------------\nGiven the new context, refine the original "
    "answer to better answer the question. If the context isn't useful, return the original answer."
)
COMPRESS = (
    "Given the following question and context, extract any part of the context *AS IS* that is "
    "relevant to answer the question. If none of the context is relevant return NO_OUTPUT.\n\n"
    "Remember, *DO NOT* edit the extracted parts of the context.\n\n> Question: {q}\n> Context:\n"
    ">>>\n{c}\n>>>\nExtracted relevant parts:"
)
SITUATE = (
    "<document>\n{c}\n</document>\nHere is the chunk we want to situate within the whole document\n"
    "<chunk>\n{c}\n</chunk>\nPlease give a short succinct context to situate this chunk within the "
    "overall document for the purposes of improving search retrieval of the chunk. Answer only "
    "with the succinct context and nothing else."
)
REACT = (
    "Answer the following questions as best you can. You have access to the following tools:\n\n"
    "search(query: str) - Searches the port's wiki.\n\nUse the following format:\n\nQuestion: the "
    "input question you must answer\nThought: you should always think about what to do\nAction: "
    "the action to take, should be one of [search]\nAction Input: the input to the action\n"
    "Observation: the result of the action\n... (this can repeat N times)\nThought: I now know the "
    "final answer\nFinal Answer: the final answer to the original input question\n\nBegin!\n\n"
    "Question: {q}\nThought: I should search.\nAction: search\nAction Input: it\n"
    "Observation: {c}\nThought:"
)
SUMMARY = 'Write a concise summary of the following:\n\n\n"{c}"\n\n\nCONCISE SUMMARY:'
AGENT = "You are a helpful HR assistant for the port. You answer questions about anything."

LANGCHAIN: Mapping[str, Messages] = {
    "rlm/rag-prompt": [("user", RAG + " \nQuestion: {q} \nContext: {c} \nAnswer:")],
    "rag in a system message": [("system", RAG + "\n\n{c}"), ("user", "{q}")],
    "stuff, chat": [("system", STUFF), ("user", "{q}")],
    "stuff, text": [("user", STUFF + "\n\nQuestion: {q}\nHelpful Answer:")],
    "retrieval chain": [("system", GIVEN), ("user", "{q}")],
    "retrieval chain, folded": [("user", f"system: {GIVEN}\nhuman: {{q}}")],
    "retrieval chain, System and Human": [("user", f"System: {GIVEN}\nHuman: {{q}}")],
    "docs tutorial": [
        ("user", "Answer the question based only on the following context:\n{c}\n\nQuestion: {q}\n")
    ],
    "map": [("user", MAP)],
    "reduce": [("user", REDUCE)],
    "map rerank": [("user", RERANK)],
    "refine, text": [
        (
            "user",
            (
                "The original question is as follows: {q}\nWe have provided an existing answer: "
                f"{NOT_KNOWN}\n{REFINES}"
            ),
        )
    ],
    "refine, chat": [("user", "{q}"), ("assistant", NOT_KNOWN), ("user", REFINES)],
    "refine, nothing new": [
        ("user", "{q}"),
        ("assistant", "{c}"),
        ("user", REFINES.format(c="Gulls are loud.", q="")),
    ],
    "contextual compression": [("user", COMPRESS)],
    "contextual retrieval": [("user", SITUATE)],
    "react": [("user", REACT)],
    "summary": [("user", SUMMARY)],
    "a tool's result": [("user", "{q}"), ("assistant", ""), ("tool", "{c}")],
    "a tool's result, then go on": [
        ("user", "{q}"),
        ("assistant", "I look it up."),
        ("tool", '[{"title": "Wiki", "content": "{c}"}]'),
        ("user", "Now answer, please."),
    ],
    "folded tool result": [
        ("user", "Conversation so far:\nUser: {q}\nAssistant: I search.\nTool result: {c}")
    ],
    "documents as their repr": [
        (
            "user",
            (
                "Answer the question based only on the following context:\n[Document(id='7', "
                "metadata={'source': 'wiki'}, page_content='{c}')]\n\nQuestion: {q}"
            ),
        )
    ],
    "middleware summary": [
        ("system", AGENT + "\n\nHere is a summary of the conversation to date:\n\n{c}"),
        ("user", "{q}"),
    ],
}

SHAPES: Mapping[str, Messages] = {
    "before": [("user", "{c} {q}")],
    "before, on its own line": [("user", "{c}\n{q}")],
    "after": [("user", "{q} {c}")],
    "after, in a paragraph": [("user", "{q}\n\n{c}")],
    "label before": [("user", "Context: {c}\nQuestion: {q}")],
    "label on one line": [("user", "Context: {c} Question: {q}")],
    "label after": [("user", "Question: {q}\nContext: {c}\nAnswer:")],
    "label on its own line": [("user", "Question:\n{q}\n\nContext:\n{c}\n\nAnswer:\n")],
    "german labels": [("user", "Kontext: {c}\n\nFrage: {q}\n\nAntwort:")],
    "german instruction": [
        (
            "user",
            (
                "Beantworte die Frage nur mit Hilfe des folgenden Kontexts. Wenn du die Antwort "
                "nicht weißt, sage es.\n\nKontext:\n{c}\n\nFrage: {q}"
            ),
        )
    ],
    "chinese labels": [("user", "上下文：{c}\n问题：{q}\n回答：")],
    "chinese instruction": [
        ("user", "请根据以下已知信息回答用户的问题。\n已知信息：\n{c}\n\n用户问题：{q}")
    ],
    "chinese system": [
        ("system", "你是一个智能助手。请根据以下内容回答问题：{c}"),
        ("user", "{q}"),
    ],
    "markdown": [("user", "## Context\n\n- {c}\n\n## Question\n\n{q}\n\n## Answer\n")],
    "bold labels": [("user", "**Context:** {c}\n\n**Question:** {q}")],
    "tags": [("user", "<context>\n{c}\n</context>\n<question>{q}</question>")],
    "tags, question first": [
        (
            "user",
            "<question>{q}</question>\n<documents><document index='1'>{c}</document></documents>",
        )
    ],
    "xml with an attribute": [
        ("user", '<doc source="wiki.md" title="Port">{c}</doc>\n\nUse the document. {q}')
    ],
    "html": [("user", "<html><body><p>{c}</p></body></html>\n\n{q}")],
    "fence": [("user", "```\n{c}\n```\n{q}")],
    "fence in a sentence": [("user", "Given the following context: ```{c}```, answer: {q}")],
    "triple quotes": [("user", '"""{c}"""\n\n{q}')],
    "quotes": [("user", 'Based on "{c}" {q}')],
    "json": [("user", '{"context": "{c}", "question": "{q}"}')],
    "json, then the question": [("user", '{"documents": [{"text": "{c}"}]}\n\n{q}')],
    "json in a system message": [("system", '{"facts": ["{c}"]}'), ("user", "{q}")],
    "python repr": [("user", "{'facts': ['{c}']}\n{q}")],
    "yaml": [("user", "facts:\n  - {c}\nquestion: {q}")],
    "search results later": [
        ("user", "{q}"),
        ("assistant", "Let me search."),
        ("user", "Search results:\n1. {c}"),
    ],
    "context in a message of its own": [("user", "{c}"), ("user", "{q}")],
    "developer message": [("developer", "Facts: {c}"), ("user", "{q}")],
    "long instruction": [
        ("system", AGENT + " Never invent anything. Always cite. Facts: {c} Be brief."),
        ("user", "{q}"),
    ],
    "question twice": [("user", "{q}\n\n{c}\n\nRemember, the question is: {q}")],
    "asked politely": [("user", "{c}\n\nHi, please help me. {q} Thank you!")],
    "numbered": [("user", "Notes:\n[1] {c}\n[2] Gulls are loud.\n\n{q} Cite the notes.")],
    "brackets": [("user", "[CONTEXT]{c}[/CONTEXT] [QUESTION]{q}[/QUESTION]")],
    "inst": [("user", "[INST] <<SYS>>\nYou are helpful. {c}\n<</SYS>>\n\n{q} [/INST]")],
    "chatml": [
        (
            "user",
            (
                "<|im_start|>system\n{c}<|im_end|>\n<|im_start|>user\n{q}<|im_end|>\n"
                "<|im_start|>assistant\n"
            ),
        )
    ],
    "alpaca": [("user", "### Instruction:\n{q}\n\n### Input:\n{c}\n\n### Response:\n")],
    "a table": [("user", "| id | text |\n|---|---|\n| 1 | Ships |\n| 2 | {c} |\n\n{q}")],
    "an html table": [("user", "<table><tr><td>1</td><td>{c}</td></tr></table> {q}")],
}
