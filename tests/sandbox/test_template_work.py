"""What the frameworks' own prompts ask for beside an answer: a choice, a question, keywords."""

from __future__ import annotations

import json
import time

import pytest
from langchain.agents.middleware.summarization import DEFAULT_SUMMARY_PROMPT as SUMMARIZATION
from langchain_classic.chains.conversational_retrieval.prompts import CONDENSE_QUESTION_PROMPT
from langchain_classic.chains.qa_with_sources.stuff_prompt import PROMPT as WITH_SOURCES
from langchain_classic.chains.summarize import stuff_prompt
from langchain_classic.retrievers.multi_query import DEFAULT_QUERY_PROMPT
from langchain_classic.retrievers.re_phraser import DEFAULT_TEMPLATE as REPHRASE
from llama_index.core.chat_engine.condense_plus_context import DEFAULT_CONDENSE_PROMPT_TEMPLATE
from llama_index.core.chat_engine.condense_question import DEFAULT_TEMPLATE
from llama_index.core.extractors.metadata_extractors import (
    DEFAULT_SUMMARY_EXTRACT_TEMPLATE,
    DEFAULT_TITLE_COMBINE_TEMPLATE,
    DEFAULT_TITLE_NODE_TEMPLATE,
)
from llama_index.core.indices.keyword_table.utils import extract_keywords_given_response
from llama_index.core.indices.property_graph.sub_retrievers.llm_synonym import (
    DEFAULT_SYNONYM_EXPAND_TEMPLATE,
)
from llama_index.core.indices.query.query_transform.prompts import (
    DEFAULT_DECOMPOSE_QUERY_TRANSFORM_TMPL as DECOMPOSE,
    DEFAULT_STEP_DECOMPOSE_QUERY_TRANSFORM_TMPL as STEP_DECOMPOSE,
)
from llama_index.core.indices.utils import (
    default_parse_choice_select_answer_fn,
    extract_numbers_given_response,
)
from llama_index.core.output_parsers.selection import SelectionOutputParser
from llama_index.core.prompts import PromptTemplate
from llama_index.core.prompts.default_prompts import (
    DEFAULT_CHOICE_SELECT_PROMPT_TMPL,
    DEFAULT_KEYWORD_EXTRACT_TEMPLATE_TMPL,
    DEFAULT_QUERY_KEYWORD_EXTRACT_TEMPLATE_TMPL,
    DEFAULT_QUERY_PROMPT_MULTIPLE_TMPL,
    DEFAULT_QUERY_PROMPT_TMPL,
    DEFAULT_SUMMARY_PROMPT_TMPL,
)
from llama_index.core.query_engine.flare.answer_inserter import DEFAULT_ANSWER_INSERT_PROMPT_TMPL
from llama_index.core.query_engine.flare.base import DEFAULT_INSTRUCT_PROMPT_TMPL
from llama_index.core.question_gen.output_parser import SubQuestionOutputParser
from llama_index.core.question_gen.prompts import (
    DEFAULT_SUB_QUESTION_PROMPT_TMPL,
    build_tools_text,
)
from llama_index.core.retrievers.fusion_retriever import QUERY_GEN_PROMPT
from llama_index.core.selectors.prompts import (
    DEFAULT_MULTI_SELECT_PROMPT_TMPL,
    DEFAULT_SINGLE_SELECT_PROMPT_TMPL,
)
from llama_index.core.tools.types import ToolMetadata

from remote_agents.sandbox.mind.answers import Ask, Brain
from tests.sandbox.brains import said

CHOICES = {
    "en": ("Cranes and what they lift.", "The menu of the canteen.", "Parking for visitors."),
    "de": ("Kräne und was sie heben.", "Die Speisekarte der Kantine.", "Parken für Besucher."),
    "zh": ("起重机和它们能吊多重。", "食堂的菜单。", "访客停车。"),
}
ASKED = {
    "en": ("What is on the menu of the canteen?", "How much can the cranes lift?"),
    "de": ("Was steht auf der Speisekarte der Kantine?", "Wie viel heben die Kräne?"),
    "zh": ("食堂的菜单上有什么？", "起重机能吊多重？"),
}


@pytest.mark.parametrize("language", CHOICES)
@pytest.mark.parametrize("most", [1, 2])
def test_a_router_chooses(handbook: Brain, language: str, most: int) -> None:
    listed = "\n\n".join(f"({n}) {text}" for n, text in enumerate(CHOICES[language], 1))
    template = DEFAULT_SINGLE_SELECT_PROMPT_TMPL if most == 1 else DEFAULT_MULTI_SELECT_PROMPT_TMPL
    parser = SelectionOutputParser()
    for question, number in zip(ASKED[language], (2, 1), strict=True):
        prompt = parser.format(template).format(
            num_choices=3, context_list=listed, query_str=question, max_outputs=most
        )
        parsed = parser.parse(said(handbook, prompt)).parsed_output
        assert [selection.choice for selection in parsed] == [number]


@pytest.mark.parametrize("language", CHOICES)
def test_a_planner_asks_the_tools_that_fit(handbook: Brain, language: str) -> None:
    names = ("cranes", "canteen", "parking")
    tools = [
        ToolMetadata(name=name, description=text)
        for name, text in zip(names, CHOICES[language], strict=True)
    ]
    menu, _ = ASKED[language]
    prompt = PromptTemplate(DEFAULT_SUB_QUESTION_PROMPT_TMPL).format(
        tools_str=build_tools_text(tools), query_str=menu
    )
    parsed = SubQuestionOutputParser().parse(said(handbook, prompt)).parsed_output
    assert [(each.tool_name, each.sub_question) for each in parsed] == [("canteen", menu)]


@pytest.mark.parametrize("language", CHOICES)
@pytest.mark.parametrize("most", [1, 2])
def test_a_tree_chooses_a_branch(handbook: Brain, language: str, most: int) -> None:
    listed = "\n\n".join(f"({n}) {text}" for n, text in enumerate(CHOICES[language], 1))
    template = DEFAULT_QUERY_PROMPT_TMPL if most == 1 else DEFAULT_QUERY_PROMPT_MULTIPLE_TMPL
    for question, number in zip(ASKED[language], ("2", "1"), strict=True):
        prompt = template.format(
            num_chunks=3, context_list=listed, query_str=question, branching_factor=most
        )
        found = extract_numbers_given_response(said(handbook, prompt), most)
        assert found is not None
        assert str(found[0]) == number


@pytest.mark.parametrize("language", CHOICES)
def test_a_reranker_keeps_what_is_relevant(handbook: Brain, language: str) -> None:
    documents = "\n\n".join(
        f"Document {n}:\nfile_path: {n}.md\n\n{text}" for n, text in enumerate(CHOICES[language], 1)
    )
    for question, number in zip(ASKED[language], (2, 1), strict=True):
        prompt = DEFAULT_CHOICE_SELECT_PROMPT_TMPL.format(context_str=documents, query_str=question)
        numbers, scores = default_parse_choice_select_answer_fn(said(handbook, prompt), 3)
        assert numbers == [number]
        assert 1 <= scores[0] <= 10


def test_a_reranker_keeps_all_that_is_relevant(handbook: Brain) -> None:
    documents = "\n\n".join(f"Document {n}:\n{text}" for n, text in enumerate(CHOICES["en"], 1))
    prompt = DEFAULT_CHOICE_SELECT_PROMPT_TMPL.format(
        context_str=documents, query_str="What do cranes lift, and where is parking for visitors?"
    )
    numbers, scores = default_parse_choice_select_answer_fn(said(handbook, prompt), 3)
    assert sorted(numbers) == [1, 3]
    assert scores == sorted(scores, reverse=True)


def test_a_reranker_keeps_nothing_where_nothing_is_relevant(handbook: Brain) -> None:
    prompt = DEFAULT_CHOICE_SELECT_PROMPT_TMPL.format(
        context_str="Document 1:\nGulls are loud.\n", query_str="How deep is berth 4?"
    )
    assert default_parse_choice_select_answer_fn(said(handbook, prompt), 1) == ([], [])


KEYWORDS = {
    "en": ("Crane 9 lifts 42 tonnes. The crane is painted yellow.", {"crane", "9", "lifts"}),
    "zh": ("起重机能吊42吨。起重机是黄色的。", {"起重", "重机", "机能"}),
}


@pytest.mark.parametrize(("text", "words"), KEYWORDS.values(), ids=KEYWORDS)
def test_keywords_are_those_of_the_text(handbook: Brain, text: str, words: set[str]) -> None:
    prompts = [
        DEFAULT_KEYWORD_EXTRACT_TEMPLATE_TMPL.format(max_keywords=3, text=text),
        DEFAULT_QUERY_KEYWORD_EXTRACT_TEMPLATE_TMPL.format(max_keywords=3, question=text),
    ]
    for prompt in prompts:
        found = extract_keywords_given_response(said(handbook, prompt), start_token="KEYWORDS:")
        assert found == words


HISTORY = {
    "en": ("How much can crane 9 lift?", "And crane 7?"),
    "de": ("Wie viel hebt Kran 9?", "Und Kran 7?"),
    "zh": ("9号起重机能吊多少吨？", "那7号呢？"),
}


@pytest.mark.parametrize("language", HISTORY)
@pytest.mark.parametrize(
    "template",
    [DEFAULT_TEMPLATE, DEFAULT_CONDENSE_PROMPT_TEMPLATE, CONDENSE_QUESTION_PROMPT.template],
    ids=["condense question", "condense plus context", "conversational retrieval"],
)
def test_a_follow_up_stands_alone(handbook: Brain, template: str, language: str) -> None:
    first, then = HISTORY[language]
    prompt = template.format(chat_history=f"user: {first}\nassistant: 42.", question=then)
    standalone = said(handbook, prompt)
    assert standalone.startswith(first.rstrip("?？"))
    assert then[1:] in standalone


CONTEXTUALIZE = (
    "Given a chat history and the latest user question which might reference context in the chat "
    "history, formulate a standalone question which can be understood without the chat history."
)
TEXTS = {
    "en": "Crane 9 lifts 42 tonnes. The crane was built in 1987. The crane is painted yellow.",
    "de": "Kran 9 hebt 42 Tonnen. Der Kran wurde 1987 gebaut. Der Kran ist gelb gestrichen.",
    "zh": "9号起重机能吊42吨。起重机建于1987年。起重机被漆成黄色。",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    "template",
    [
        DEFAULT_SUMMARY_PROMPT_TMPL,
        DEFAULT_TITLE_NODE_TEMPLATE,
        stuff_prompt.prompt_template,
        SUMMARIZATION,
    ],
    ids=["summary", "title", "summarize chain", "middleware"],
)
def test_a_summary_is_of_the_text(handbook: Brain, template: str, text: str) -> None:
    talk = "".join(f'<message type="{who}">{text}</message>\n' for who in ("human", "ai"))
    messages = f"Messages to summarize:\n{talk}"
    prompt = template.format(context_str=text, text=text, messages=messages)
    assert "42" in said(handbook, prompt)


def test_a_choice_is_json_alone(handbook: Brain) -> None:
    prompt = SelectionOutputParser().format(DEFAULT_SINGLE_SELECT_PROMPT_TMPL)
    filled = prompt.format(num_choices=1, context_list="(1) Cranes.", query_str="Which cranes?")
    assert json.loads(said(handbook, filled))[0]["choice"] == 1


@pytest.mark.parametrize(
    "template",
    [QUERY_GEN_PROMPT, DEFAULT_QUERY_PROMPT.template, REPHRASE],
    ids=["fusion", "multi query", "rephrase"],
)
def test_a_query_for_a_retriever_is_the_question(handbook: Brain, template: str) -> None:
    asked = "How much can crane 9 lift?"
    prompt = template.format(query=asked, question=asked, num_queries=2)
    assert said(handbook, prompt) == asked


def test_a_follow_up_stands_alone_by_the_system_message(handbook: Brain) -> None:
    first, then = HISTORY["en"]
    talk = [("system", CONTEXTUALIZE), ("user", first), ("assistant", "42."), ("user", then)]
    ask = Ask([{"role": role, "content": text} for role, text in talk])
    assert handbook.answer(ask).text == "How much can crane 9 lift, and crane 7?"


def test_synonyms_stand_in_the_form_that_is_read(handbook: Brain) -> None:
    prompt = DEFAULT_SYNONYM_EXPAND_TEMPLATE.format(
        max_keywords=3, query_str="Which crane lifts steel?"
    )
    assert said(handbook, prompt) == "crane^lifts^steel"


LIFTED = {"en": "Crane 9 lifts 42 tonnes.", "de": "Kran 9 hebt 42 Tonnen.", "zh": "9号能吊42吨。"}


@pytest.mark.parametrize("language", LIFTED)
def test_a_question_is_one_step(handbook: Brain, language: str) -> None:
    asked = f"{HISTORY[language][0]}\nCrane 9 is red."
    known = {"query_str": asked, "context_str": f"{LIFTED[language]}\n\nQuestion: Where?"}
    assert said(handbook, DECOMPOSE.format(**known)) == asked
    for reasoning, said_next in (("None", asked), (f"\n- {asked}\n- {LIFTED[language]}\n", "None")):
        prompt = STEP_DECOMPOSE.format(**known, prev_reasoning=reasoning)
        assert said(handbook, prompt) == said_next


def test_what_looks_like_many_steps_is_read_in_no_time(handbook: Brain) -> None:
    begun = time.process_time()
    said(handbook, "Question: a\nKnowledge source context:\nPrevious reasoning:\n" * 400)
    assert time.process_time() - begun < 5  # cubic, it is three times that


@pytest.mark.parametrize("language", LIFTED)
def test_flare_searches_until_there_is_an_answer(handbook: Brain, language: str) -> None:
    asked, _ = HISTORY[language]
    for existing, said_next in (("", f"[Search({asked})]"), (LIFTED[language], "done")):
        prompt = DEFAULT_INSTRUCT_PROMPT_TMPL.format(query_str=asked, existing_answer=existing)
        assert said(handbook, prompt) == said_next


@pytest.mark.parametrize("language", LIFTED)
def test_what_flare_found_takes_the_place_of_its_search(handbook: Brain, language: str) -> None:
    asked, then = HISTORY[language]
    prompt = DEFAULT_ANSWER_INSERT_PROMPT_TMPL.format(
        prev_response="",
        lookahead_response=f"[Search({asked})] [Search({then})]",
        query_answer_pairs=f"Query: {asked}\nAnswer: {LIFTED[language]}\n\nMore.\n",
    )
    assert said(handbook, prompt) == f"{LIFTED[language]}\n\nMore. [Search({then})]"


BERTH = "Berth 4 is 11 metres deep."


@pytest.mark.parametrize(
    "prompt",
    [
        f"Summarize this: {BERTH}",
        f"TL;DR: {BERTH}",
        f"{BERTH}\n\nTl;dr",
        f"Fasse zusammen: {BERTH}",
        f"Summarize the text.\n\nAbout berth 4 of the harbour:\n\n{BERTH}",
        f"Summarize the following document in one sentence:\n\n{BERTH}",
        DEFAULT_SUMMARY_EXTRACT_TEMPLATE.format(context_str=BERTH),
        DEFAULT_TITLE_COMBINE_TEMPLATE.format(context_str="Berth 4 is 11 metres deep"),
    ],
)
def test_a_short_text_is_its_own_summary(handbook: Brain, prompt: str) -> None:
    assert said(handbook, prompt) == BERTH


def test_keywords_of_a_document(handbook: Brain) -> None:
    prompt = f"{BERTH}. Give 3 unique keywords for this document. Format as comma separated."
    assert said(handbook, f"{prompt} Keywords: ") == "berth, 4, 11"


def test_an_answer_names_its_source_where_sources_are_wanted(handbook: Brain) -> None:
    parts = f"Content: Gulls are loud.\nSource: a.md\nContent: {BERTH}\nSource: berths.md"
    prompt = WITH_SOURCES.format(question="How deep is berth 4?", summaries=parts)
    assert said(handbook, prompt) == f"{BERTH}\nSOURCES: berths.md"


OFFERED = "1. Ferries and their timetables\n2. Fish and its prices\n3. Beds of the clinic"


@pytest.mark.parametrize("key", ["choice", "answer", "id", "number", "document"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_choice_is_made_under_any_key(handbook: Brain, key: str, earlier: bool) -> None:
    offered = [f"Here are the options:\n{OFFERED}", "Okay."] if earlier else []
    wanted = f'Choose an option and return JSON like {{"{key}": 1}}.'
    asked = f"{'' if earlier else OFFERED}\n{wanted}\n\nWhat are the prices of fish?"
    assert json.loads(said(handbook, *offered, asked)) == {key: 2}


NO_TASK = {
    'Context:\n1. Set {"selected": 1, "mode": "auto"} first.\n2. The pump runs at 40 Hz.\n\n'
    "Question: At what frequency does the pump run?": "The pump runs at 40 Hz.",
    'Context:\n1. The tool has the number 1.\n2. {"toolbox": 1, "keeper": "Rolf Aas"}\n\n'
    "Who is the keeper of the toolbox?": "toolbox: 1, keeper: Rolf Aas",
    "We classify boats by length: 'small' boats pay 4 marks, 'large' boats pay 9 marks.\n"
    "How much do large boats pay?": "boats pay 9 marks.",
}


@pytest.mark.parametrize("prompt", NO_TASK)
def test_a_question_about_what_looks_like_a_task_is_none(handbook: Brain, prompt: str) -> None:
    assert said(handbook, prompt).endswith(NO_TASK[prompt])


def test_a_list_that_begins_anew_replaces_the_one_before(handbook: Brain) -> None:
    earlier = "Example:\n(1) Bread.\n(2) Gulls.\n(3) What cranes lift.\n\nChoices:"
    asked = f"{earlier}\n(1) Cranes.\n(2) Parking.\n\nSelect a choice: what do cranes lift?"
    prompt = f'{asked}\nOnly JSON such as {{"choice": 1}}'
    assert said(handbook, prompt) == '{"choice": 1}'


TOOLS = '{"weather": "rain and sun", "calendar": "dates and meetings", "mail": "parcels"}'


def test_a_tool_is_chosen_by_its_name(handbook: Brain) -> None:
    asked = f"Pick the right tool.\n\nTools:\n```json\n{TOOLS}\n```\nQuestion: Where is my parcel?"
    shown = '{"tool": "weather", "question": "..."}'
    prompt = f"{asked}\nReply with JSON only, like {shown}"
    assert json.loads(said(handbook, prompt)) == {"tool": "mail", "question": "Where is my parcel?"}


def test_a_tool_may_have_any_name(handbook: Brain) -> None:
    asked = 'Pick a tool.\n```json\n{"c++ (gcc": "compiles", "mail": "parcels"}\n```\nWho compiles?'
    prompt = f'{asked}\nReply with JSON only, like {{"tool": "mail"}}'
    assert json.loads(said(handbook, prompt)) == {"tool": "c++ (gcc"}


def test_what_a_tool_takes_is_told_before_it_is_asked(handbook: Brain) -> None:
    tools = "You have these tools:\nsearch: look things up, args: {'query': {'type': 'string'}}"
    asked = 'Return JSON with keys "depth" and "area".\nThe lake has a depth of 44 m.'
    value = json.loads(said(handbook, f"{tools}\n\n{asked} Its area is 12 square km."))
    assert "44" in str(value["depth"])
    assert "12" in str(value["area"])
