"""What people type first, and what they ask for as JSON: names, small talk, grades, records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_classic.chains.question_answering.map_rerank_prompt import PROMPT as MAP_RERANK
from langchain_classic.retrievers.document_compressors import chain_filter_prompt
from llama_index.core.evaluation.relevancy import DEFAULT_EVAL_TEMPLATE as RELEVANCY

from remote_agents.sandbox.mind.answers import NOTHING, Ask, Brain
from remote_agents.sandbox.mind.knowledge import Knowledge


@pytest.fixture(scope="module")
def handbook() -> Brain:
    return Brain(Knowledge())


def said(brain: Brain, *talk: str, system: str = "", schema: dict[str, Any] | None = None) -> str:
    """The answer to the last of some texts, which the user and the assistant say in turn."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": t} for n, t in enumerate(talk)]
    told = [{"role": "system", "content": system}] if system else []
    return brain.answer(Ask([*told, *messages], schema=schema)).text


INTRODUCED = {
    "en": ("Hi! I'm Bob", "What's my name?", "Bob"),
    "en, in short": ("im will, i live in sf", "where do i live?", "sf"),
    "en, called": ("My boat is called Wren.", "What is the name of my boat?", "Wren"),
    "en, is": ("Hi! I'm Bob and my boat is the Wren.", "What's my boat called?", "Wren"),
    "en, remembered": ("My name is Ottilie.", "Do you remember my name?", "Ottilie"),
    "de": ("Ich heiße Jonas und wohne in Kiel.", "Wie heiße ich?", "Jonas"),
    "zh": ("我叫陈晨，我的猫叫豆豆。", "我叫什么名字？", "陈晨"),
    "zh, of a cat": ("我叫陈晨，我的猫叫豆豆。", "我的猫叫什么？", "豆豆"),
    "ja": ("私の名前は佐藤です。", "私の名前は何ですか？", "佐藤"),
    "ko": ("제 이름은 민지입니다.", "제 이름이 뭐예요?", "민지"),
}


@pytest.mark.parametrize(("told", "asked", "name"), INTRODUCED.values(), ids=INTRODUCED)
def test_a_name_is_remembered_however_it_was_told(
    handbook: Brain, told: str, asked: str, name: str
) -> None:
    assert name in said(handbook, told, "Nice to meet you!", asked)


SAID_BEFORE = {
    "What did I say first?": "My name is Ottilie.",
    "What was my first message?": "My name is Ottilie.",
    "What did I just say?": "I keep my boat at pier 6.",
    "What was my last message?": "I keep my boat at pier 6.",
    "Repeat what I told you.": "I keep my boat at pier 6.",
}


@pytest.mark.parametrize("asked", SAID_BEFORE)
def test_what_was_said_is_repeated(handbook: Brain, asked: str) -> None:
    talk = ("My name is Ottilie.", "Noted.", "I keep my boat at pier 6.", "Noted.", asked)
    assert said(handbook, *talk) == f"You said: {SAID_BEFORE[asked]}"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("こんにちは", "Hello!"),
        ("안녕하세요", "Hello!"),
        ("Who are you?", "I answer questions from the documents"),
        ("Was kannst du?", "I answer questions from the documents"),
        ("你是谁？", "I answer questions from the documents"),
        ("Say exactly: blue moon", "blue moon"),
        ("Reply with the word 'pong'.", "pong"),
    ],
)
def test_small_talk(handbook: Brain, text: str, reply: str) -> None:
    assert said(handbook, text).startswith(reply)


@pytest.mark.parametrize("question", ["我可以带乌龟来吗？", "你知道海龟叫什么吗？"])
def test_a_question_is_no_statement(handbook: Brain, question: str) -> None:
    assert said(handbook, question) == NOTHING


AGAINST_THE_HANDBOOK = {
    "a list": ("Facts:\n- Vacation: 31 days\n- Parental leave: 22 weeks", "22 weeks", "leave"),
    "a sentence": ("At Orlin, parental leave is 22 weeks.", "22 weeks", "leave"),
    "a count": ("Fjord AS has 88 employees in Norway.", "88 employees", "employees"),
    "numbers as words": (
        "Everybody: 31 days.\nAfter 8 years: 36 vacation days.",
        "36 vacation days",
        "years",
    ),
}
QUESTIONS = {
    "leave": "How long is parental leave?",
    "employees": "How many employees does the company have?",
    "years": "How many vacation days do I get after eight years?",
}


@pytest.mark.parametrize(
    ("context", "value", "asked"), AGAINST_THE_HANDBOOK.values(), ids=AGAINST_THE_HANDBOOK
)
def test_what_a_prompt_says_wins_over_the_handbook(
    handbook: Brain, context: str, value: str, asked: str
) -> None:
    text = said(handbook, QUESTIONS[asked], system=context)
    assert value in text
    assert "see" not in text


LETTER = (
    "The club house is painted in May.\nKeys are handed out by Benedikt Ruiz, every Thursday.\n"
    "When it rains, the regatta begins later.\nLost property is kept for six weeks."
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When can I get a key?", "every Thursday"),
        ("How old is the club?", NOTHING),
        ("What is the phone number of the office?", NOTHING),
        ("How many vacation days do I get?", "25 vacation days"),
    ],
)
def test_beside_a_text_the_handbook_says_only_what_it_knows_well(
    handbook: Brain, question: str, answer: str
) -> None:
    assert answer in said(handbook, f"{LETTER}\n\n---\n\n{question}")


def test_a_follow_up_goes_on_with_a_question_and_not_with_a_text(handbook: Brain) -> None:
    asked = ("How many vacation days do I get?", "25.", LETTER, "Thank you.")
    text = said(handbook, *asked, "And what about part-time staff?")
    assert text.startswith("Part-time staff receive vacation days in proportion")


def test_a_question_is_no_answer(handbook: Brain) -> None:
    text = said(handbook, "Is there a bakery?", "No.", "And what about the bakery?")
    assert text == NOTHING


FOREIGN = {
    "a compound": ("Der Urlaubsanspruch beträgt 29 Tage.", "Wie viele Urlaubstage habe ich?", "29"),
    "the head of a compound": ("Reiseleitung: Solveig Aune.", "Wer hat die Leitung?", "Solveig"),
    "a plural": (
        "Fahrräder werden hinter Haus 3 abgestellt.",
        "Wo kann ich mein Fahrrad abstellen?",
        "Haus 3",
    ),
    "a price": ("停车费每月300元。", "停车费一个月多少钱？", "300元"),
    "a deadline": ("报税截止到7月31日。", "报税的截止日期是什么时候？", "7月31日"),
    "a Japanese name": ("社長は田中一郎です。", "社長の名前を教えてください。", "田中一郎"),
}


@pytest.mark.parametrize(("fact", "question", "value"), FOREIGN.values(), ids=FOREIGN)
def test_other_words_of_the_same_stem_answer(
    handbook: Brain, fact: str, question: str, value: str
) -> None:
    assert value in said(handbook, question, system=fact)


ANSWERS = "Gulls are loud. Crane 9 can lift 42 tonnes."
ANSWERS_NOT = "Gulls are loud. The canteen is closed."
ASKED = "How much can crane 9 lift?"


@pytest.mark.parametrize(("context", "grade"), [(ANSWERS, "YES"), (ANSWERS_NOT, "NO")])
def test_graders_hear_whether_a_text_answers(handbook: Brain, context: str, grade: str) -> None:
    assert (
        said(handbook, chain_filter_prompt.prompt_template.format(question=ASKED, context=context))
        == grade
    )
    query = f"Question: {ASKED}\nResponse: 42 tonnes."
    assert said(handbook, RELEVANCY.format(query_str=query, context_str=context)) == grade
    form = {"properties": {"binary_score": {"description": "Relevance score 'yes' or 'no'"}}}
    text = f"Retrieved document:\n\n{context}\n\nUser question: {ASKED}"
    graded = json.loads(said(handbook, text, system="Grade the document.", schema=form))
    assert graded == {"binary_score": grade.lower()}


def test_answers_are_scored_where_the_best_is_sought(handbook: Brain) -> None:
    parser = MAP_RERANK.output_parser
    assert parser is not None
    for context, score in ((ANSWERS, "100"), (ANSWERS_NOT, "0")):
        answer = said(handbook, MAP_RERANK.format(question=ASKED, context=context))
        assert parser.parse(answer)["score"] == score


@pytest.mark.parametrize(
    ("question", "name"),
    [("how do I call Anthropic?", "Anthropic"), ("What is 2 + 2?", "Other")],
)
def test_a_question_is_classified(handbook: Brain, question: str, name: str) -> None:
    prompt = (
        "Given the user question below, classify it as either being about `LangChain`, `Anthropic`,"
        f" or `Other`.\n\n<question>\n{question}\n</question>\n\nClassification:"
    )
    assert said(handbook, prompt) == name


def test_a_query_is_written_for_the_question_before(handbook: Brain) -> None:
    wanted = "Generate a search query to look up information relevant to the conversation."
    text = said(handbook, "Where does the ferry Aurora berth?", "At quay 4.", wanted)
    assert text == "Where does the ferry Aurora berth"


TRIP = (
    "The trip goes to Vardø. It departs on 14 March. The price is 349.90 euros per person. "
    "17 seats are free. Your guide is Solveig Aune. Lunch is included."
)
FILLED = {
    "departure_date": "14 March",
    "seats": 17,
    "guide": "Solveig Aune",
    "lunch_included": True,
}
KEYS = ", ".join(FILLED)
FORMS = {
    "named keys": f"Extract the following keys as JSON: {KEYS}.\n\n{TRIP}",
    "keys with what each is for": "Give a JSON object with these keys:\n- `departure_date`: a day\n"
    "- `seats`: how many are free\n- `guide`: the guide's name\n- `lunch_included`: true or false"
    f"\n\nText: {TRIP}",
    "a class": "Fill this:\n\nclass Trip(BaseModel):\n    departure_date: str\n"
    "    seats: int  # free seats\n    guide: str\n    lunch_included: bool\n\n"
    f"from this text, as JSON only:\n{TRIP}",
    "a type": "Respond with JSON of this type:\n```ts\ntype Trip = {\n  departure_date: string;\n"
    "  seats: number; // free seats\n  guide: string;\n  lunch_included: boolean;\n}\n```\n\n"
    f"{TRIP}",
    "an example": f"{TRIP}\n\nGive me this as JSON in exactly this form:\n"
    '{\n  "departure_date": "1 January",\n  "seats": 5,\n  "guide": "John Smith",\n'
    '  "lunch_included": false\n}',
    "placeholders": f"{TRIP}\n\nReply like this: "
    '{"departure_date": "...", "seats": 0, "guide": "...", "lunch_included": true}',
}


@pytest.mark.parametrize("prompt", FORMS.values(), ids=FORMS)
def test_every_form_of_an_object_is_filled(handbook: Brain, prompt: str) -> None:
    assert json.loads(said(handbook, prompt)) == FILLED


FELDER = "Lies aus dem Text die Felder abfahrt, plaetze und leitung, und antworte nur mit JSON."
REISE = "Abfahrt ist am 14. März. Es sind noch 17 Plätze frei. Reiseleitung: Solveig Aune."


def test_named_keys_in_other_languages(handbook: Brain) -> None:
    filled = json.loads(said(handbook, f"{FELDER}\n\n{REISE}"))
    assert filled == {"abfahrt": "am 14. März", "plaetze": 17, "leitung": "Solveig Aune"}
    asked = "请从文本中提取以下字段，并以JSON格式输出：目的地、导游。"
    asked += "\n\n文本：目的地是漠河。导游是林晓燕。"
    assert json.loads(said(handbook, asked)) == {"目的地": "漠河", "导游": "林晓燕"}


FERRY = {
    "title": "Ferry",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "quay": {"type": "integer"},
        "cars": {"type": "integer"},
    },
    "required": ["name", "quay", "cars"],
}


@pytest.mark.parametrize("lead", ["", "Extract the ferry: ", "Extract the ferry.\n\n"])
def test_a_record_of_one_sentence_is_filled_from_it_alone(handbook: Brain, lead: str) -> None:
    text = f"{lead}The ferry Aurora berths at quay 4 and takes 120 cars."
    filled = json.loads(said(handbook, text, schema=FERRY))
    assert filled == {"name": "Aurora", "quay": 4, "cars": 120}


PERSON = {
    "title": "Person",
    "properties": {
        "name": {"type": "string", "description": "The person's name"},
        "age": {"type": "integer"},
        "city": {"type": "string"},
    },
}
PEOPLE = {
    "Alice is 30 years old and lives in Paris.": ("Alice", 30, "Paris"),
    "John Smith is a 35-year-old engineer from Berlin who earns $120,000.": (
        "John Smith",
        35,
        "Berlin",
    ),
    "My name is Anna, I'm 27 and I live in Oslo.": ("Anna", 27, "Oslo"),
    "Jane, 28, is a doctor in London.": ("Jane", 28, "London"),
    "Anna ist 30 Jahre alt und wohnt in Berlin.": ("Anna", 30, "Berlin"),
    "Extract the person: Bob Jones, age 42, city: Porto.": ("Bob Jones", 42, "Porto"),
}


@pytest.mark.parametrize(("text", "values"), PEOPLE.items())
def test_a_person_is_read_from_a_sentence_that_names_no_field(
    handbook: Brain, text: str, values: tuple[str, int, str]
) -> None:
    filled = json.loads(said(handbook, text, schema=PERSON))
    assert filled == dict(zip(("name", "age", "city"), values, strict=True))


def test_an_invoice(handbook: Brain) -> None:
    text = "Invoice of Harbor Supplies, dated 3 May 2024, total 1,250.50 euros, due on 17 May 2024."
    form = {
        "properties": {"date": {"type": "string", "format": "date"}, "total": {"type": "number"}}
    }
    filled = json.loads(said(handbook, text, schema=form))
    assert filled == {"date": "2024-05-03", "total": 1250.5}


def test_a_joke_has_its_parts(handbook: Brain) -> None:
    form = {"properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}}}
    filled = json.loads(said(handbook, "Tell me a joke about cats", schema=form))
    assert filled["setup"].endswith("?")
    assert filled["punchline"].endswith(".")


ROUTE = {
    "properties": {
        "datasource": {
            "enum": ["vectorstore", "web_search"],
            "description": "Choose to route the question to web search or a vectorstore.",
        }
    }
}
ROUTES = (
    "You are an expert at routing a user question to a vectorstore or web search. The vectorstore "
    "contains documents related to berths, cranes and ferries. Otherwise, use web-search."
)


@pytest.mark.parametrize(
    ("question", "route"),
    [("How deep is berth 4?", "vectorstore"), ("Who won the world cup?", "web_search")],
)
def test_an_option_is_chosen_by_what_the_question_is_about(
    handbook: Brain, question: str, route: str
) -> None:
    filled = json.loads(said(handbook, question, system=ROUTES, schema=ROUTE))
    assert filled == {"datasource": route}


def test_what_no_text_says_is_null_where_it_may_be(handbook: Brain) -> None:
    form = {
        "properties": {
            "minutes": {"type": "integer"},
            "author": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        }
    }
    filled = json.loads(said(handbook, "The bread is baked for 42 minutes.", schema=form))
    assert filled == {"minutes": 42, "author": None}


FERRIES = [
    {"ferry": "Aurora", "berth": 4, "captain": "Ida Holm", "cars": 120},
    {"ferry": "Borealis", "berth": 7, "captain": "Per Nygaard", "cars": 86},
    {"ferry": "Cygnus", "berth": 2, "captain": "Mia Tangen", "cars": 45},
]
ROWS = [[*FERRIES[0]], *(list(map(str, each.values())) for each in FERRIES)]
BY_NAME = {each["ferry"]: {k: v for k, v in each.items() if k != "ferry"} for each in FERRIES}
TABLES = {
    **{f"cells between {mark!r}": "\n".join(map(mark.join, ROWS)) for mark in ",;\t|"},
    "a grid": "+---+---+---+---+\n".join(f"| {' | '.join(row)} |\n" for row in ROWS),
    "json by name": json.dumps(BY_NAME),
    "yaml by name": "\n".join(
        f"{name}:\n" + "\n".join(f"  {key}: {value}" for key, value in each.items())
        for name, each in BY_NAME.items()
    ),
    "toml": "\n".join(
        f"[ferries.{name}]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in each.items())
        for name, each in BY_NAME.items()
    ),
    "tags": "".join(
        f"<ferry {' '.join(f'{key}={json.dumps(str(v))}' for key, v in each.items())}/>"
        for each in FERRIES
    ),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_answers_with_the_row_that_is_named(handbook: Brain, table: str) -> None:
    captain = said(handbook, f"{table}\n\nWho is the captain of the Borealis?")
    berth = said(handbook, "At which berth is the Cygnus?", system=f"Data:\n{table}")
    assert "Per Nygaard" in captain
    assert "Holm" not in captain
    assert "2" in berth
    assert "7" not in berth
