"""Prompts as people send them beside the frameworks' own: labels, tags, JSON, tables, languages."""

from __future__ import annotations

from collections.abc import Mapping

Messages = list[tuple[str, str]]
NOT_KNOWN = "I do not know."
RAG = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
    "context to answer the question. If you don't know the answer, just say that you don't know. "
    "Use three sentences maximum and keep the answer concise."
)
GIVEN = (
    "Use the given context to answer the question. If you don't know the answer, say you don't "
    "know. Use three sentence maximum and keep the answer concise. Context: {c}"
)
SITUATE = (
    "<document>\n{c}\n</document>\nHere is the chunk we want to situate within the whole document\n"
    "<chunk>\n{c}\n</chunk>\nPlease give a short succinct context to situate this chunk within the "
    "overall document for the purposes of improving search retrieval of the chunk. Answer only "
    "with the succinct context and nothing else."
)
AGENT = "You are a helpful HR assistant for the port. You answer questions about anything."
PAGES = (
    "The lighthouse was painted white. Gulls are loud in spring. Ropes are kept dry in the shed. "
    "Every boat has a name. The harbour master likes tea. Rain falls often. Fog comes in autumn. "
) * 4

SHAPES: Mapping[str, Messages] = {
    "rlm/rag-prompt": [("user", RAG + " \nQuestion: {q} \nContext: {c} \nAnswer:")],
    "rag in a system message": [("system", RAG + "\n\n{c}"), ("user", "{q}")],
    "rag in a system message, labelled": [("system", f"{RAG} Context: {{c}}"), ("user", "{q}")],
    "retrieval chain": [("system", GIVEN), ("user", "{q}")],
    "retrieval chain, folded": [("user", f"system: {GIVEN}\nhuman: {{q}}")],
    "retrieval chain, System and Human": [("user", f"System: {GIVEN}\nHuman: {{q}}")],
    "docs tutorial": [
        ("user", "Answer the question based only on the following context:\n{c}\n\nQuestion: {q}\n")
    ],
    "contextual retrieval": [("user", SITUATE)],
    "folded tool result": [
        ("user", "Conversation so far:\nUser: {q}\nAssistant: I search.\nTool result: {c}")
    ],
    "context on one line": [("user", "Context: {c}\n\n{q}")],
    "context on one line, then the question": [("user", "Context: {c} {q}")],
    "facts on one line": [("user", "Facts: {c}\nAnswer this: {q}")],
    "instruction, context, question": [
        ("user", "Answer from the context. Context: {c} Question: {q} Answer:")
    ],
    "question before pages of context": [("user", f"{{q}}\n\nContext:\n{PAGES}\n{{c}}\n{PAGES}")],
    "question after pages of context": [("user", f"{PAGES}\n{{c}}\n{PAGES}\n\n{{q}}")],
    "context in the middle of a system message": [
        ("system", f"{PAGES} {{c}} {PAGES}\n\nAlways answer in full sentences."),
        ("user", "{q}"),
    ],
    "json search results": [
        (
            "user",
            (
                '{"query": "{q}", "results": [{"title": "Gulls", "snippet": "Gulls are loud."},'
                ' {"title": "W", "url": "https://wiki.example", "snippet": "{c}", "score": 0.4}]}'
            ),
        )
    ],
    "json in a fence": [
        ("user", '```json\n{\n  "page": 7,\n  "content": "{c}"\n}\n```\n\nQuestion: {q}')
    ],
    "json lines": [
        ("user", '{"id": 1, "text": "Gulls are loud."}\n{"id": 2, "text": "{c}"}\n\n{q}')
    ],
    "json of messages": [
        ("user", '[{"role": "system", "content": "{c}"}, {"role": "user", "content": "{q}"}]')
    ],
    "a tool message": [
        ("system", "You are a helpful assistant."),
        ("user", "{q}"),
        ("assistant", ""),
        ("tool", '{"results": [{"text": "{c}"}], "took_ms": 12}'),
    ],
    "results before the question": [
        ("user", "Search results: {c}"),
        ("assistant", "Thank you, I have read them."),
        ("user", "{q}"),
    ],
    "results in an assistant's words": [
        ("user", "What did you find?"),
        ("assistant", "I found this: {c}"),
        ("user", "{q}"),
    ],
    "xml sources": [
        (
            "user",
            (
                "<instructions>Use the sources. Cite them.</instructions>\n<sources>\n"
                "<source id='1'>\nGulls are loud.\n</source>\n<source id='2'>\n{c}\n</source>\n"
                "</sources>\n\n<query>\n{q}\n</query>"
            ),
        )
    ],
    "document tags with metadata": [
        (
            "user",
            (
                '<documents>\n<document index="1">\n<source>wiki.md</source>\n'
                "<document_content>\n{c}\n</document_content>\n</document>\n</documents>\n\n{q}"
            ),
        )
    ],
    "markdown headings": [
        ("user", "# Task\nAnswer the question.\n\n# Notes\n{c}\n\n# Question\n{q}")
    ],
    "markdown quote": [("user", "> {c}\n\n{q}")],
    "markdown list": [("user", "Notes:\n\n* Gulls are loud.\n* {c}\n\n{q}")],
    "numbered list": [("user", "1. Gulls are loud.\n2. {c}\n3. Ships are big.\n\n{q}")],
    "numbered sources": [
        (
            "user",
            "Sources:\n[1] (gulls.md) Gulls are loud.\n[2] (wiki.md) {c}\n\nQuery: {q}\nAnswer:",
        )
    ],
    "source after the text": [("user", "Document 1: {c} (Source: wiki.md, p. 4)\n\n{q}")],
    "bold markup": [("user", "**Note:** **{c}**\n\n*{q}*")],
    "a log": [("user", "INFO port.ops: {c}\nINFO port.ops: Gulls are loud.\n\n{q}")],
    "a letter": [("user", "Dear colleague,\n\n{c}\n\n{q}\n\nKind regards\nAda")],
    "german system": [
        (
            "system",
            (
                "Du bist ein hilfreicher Assistent. Antworte nur anhand der folgenden Angaben. "
                "Angaben: {c}"
            ),
        ),
        ("user", "{q}"),
    ],
    "german politely": [("user", "{c}\n\nKannst du mir bitte helfen? {q} Danke!")],
    "german document": [
        ("user", "Dokument:\n{c}\n\nBeantworte folgende Frage zum Dokument: {q}\nAntwort:")
    ],
    "chinese document": [("user", "【参考资料】\n{c}\n\n【问题】\n{q}\n\n请用一句话回答。")],
    "chinese, no line breaks": [("user", "已知：{c}请问：{q}")],
    "chinese role": [
        ("system", "你是港口的客服。只能使用下列资料回答，不知道就说不知道。\n资料：{c}"),
        ("user", "{q}"),
    ],
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
