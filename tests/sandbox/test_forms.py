"""Forms, schemas and tables: what is filled from a text, and the row that answers."""

from __future__ import annotations

import json

import pytest

from remote_agents.sandbox.mind.answers import Brain
from tests.sandbox.brains import said

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
    "keys in quotes": f"{TRIP} Return the result as a JSON with `departure_date`, `seats`, `guide` "
    "and `lunch_included` keys. Return nothing other than JSON.",
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


@pytest.mark.parametrize(
    "text",
    [
        'The tool said {"pump": true, "valve": false}.\n\nIs the pump on?',
        '{"pump": 0, "valve": null}\n\nWhat is the pump?',
    ],
)
def test_data_is_no_form_of_an_answer(handbook: Brain, text: str) -> None:
    assert said(handbook, text).startswith("pump: ")


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


@pytest.mark.parametrize("by_prompt", [False, True])
def test_a_joke_has_its_parts(handbook: Brain, by_prompt: bool) -> None:
    form = {"properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}}}
    keys = " Return the result as a JSON with `setup` and `punchline` keys, and nothing else."
    asked, schema = ("Tell me a joke about cats.", None if by_prompt else form)
    filled = json.loads(said(handbook, asked + keys * by_prompt, schema=schema))
    assert filled["setup"].endswith("lost?")
    assert filled["punchline"].endswith("heart.")


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


HARBOUR = (
    "The keeper of the light is Carl Osk. The pier is 80 m long and 6 m wide. Mooring costs "
    "40.50 marks a night. The harbour was opened on 3 May 1931. The ferry carries 120 passengers. "
    "The Kelp crane runs at version 4.2.1 since May."
)
LIGHT = "The keeper of the light is Carl Osk."
TEXT_FIELDS = {
    "a price": ("What does mooring cost?", "fee", "", "40.50 marks"),
    "a length": ("How long is the pier?", "distance", "with its unit", "80 m"),
    "a count": ("How many does the ferry carry?", "passenger_count", "", "120 passengers"),
    "a version": ("What is the version of the Kelp crane?", "version", "", "4.2.1"),
    "the question": ("Who keeps the light?", "user_question", "", "Who keeps the light?"),
    "prose with a name": ("Who keeps the light?", "response", "a sentence with the name", LIGHT),
    "prose with a date": (
        "When was the harbour opened?",
        "summary",
        "with the date and the place",
        "The harbour was opened on 3 May 1931.",
    ),
}


@pytest.mark.parametrize(
    ("question", "name", "described", "expected"), TEXT_FIELDS.values(), ids=TEXT_FIELDS
)
def test_a_text_field_holds_what_it_is_for(
    handbook: Brain, question: str, name: str, described: str, expected: str
) -> None:
    schema = {"properties": {name: {"type": "string", "description": described}}}
    filled = json.loads(said(handbook, f"{question}\n\n{HARBOUR}", schema=schema))
    assert filled == {name: expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The weight of the rope is 3.125 kg.", 3.125),
        ("The weight of the crane is 12,500 kg.", 12500),
        ("Das Gewicht (weight) ist 12.500 kg.", 12500),
        ("Weight: 1.250 Euro", 1250),
        ("Weight: 1.204.000", 1204000),
    ],
)
def test_a_point_before_three_digits_divides_thousands_in_german(
    handbook: Brain, text: str, expected: float
) -> None:
    schema = {"properties": {"weight": {"type": "number"}}}
    filled = json.loads(said(handbook, f"Fill in the weight.\n\n{text}", schema=schema))
    assert filled == {"weight": expected}


def test_a_class_is_filled_where_no_word_says_json(handbook: Brain) -> None:
    asked = "Answer like this:\nclass Harbour(BaseModel):\n    keeper: str\n    fee: float"
    filled = json.loads(said(handbook, f"Extract the data.\n\n{HARBOUR}\n\n{asked}"))
    assert filled == {"keeper": "Carl Osk", "fee": 40.5}


def test_a_documented_class_is_no_form_of_an_answer(handbook: Brain) -> None:
    text = "The API speaks JSON.\n    retries: int = 3\n    host: str = lomma\n\n"
    asked = "Who maintains the API? The API is maintained by Rita Moss."
    assert "{" not in said(handbook, text + asked)


CAPTAINS = [["Ship", "Berth", "Captain"], ["Ondine", "4", "Mara"], ["Selkie", "7", ""]]
CAPTAINS += [["", "8", "Ann"], ["Petrel", "9", "Kim Oda"]]
GAPS = {
    "pipes": "".join(f"| {' | '.join(row)} |\n" for row in CAPTAINS),
    "tabs": "\n".join(map("\t".join, CAPTAINS)),
    "tags": "<h2>Fleet</h2>\n<table>\n"
    + "".join(
        f"  <tr>\n{''.join(f'    <td>{cell}</td>{chr(10)}' for cell in row)}  </tr>\n"
        for row in CAPTAINS
    )
    + "</table>",
}


@pytest.mark.parametrize("table", GAPS.values(), ids=GAPS)
def test_a_table_may_have_empty_cells(handbook: Brain, table: str) -> None:
    answer = said(handbook, f"{table}\n\nWho is the captain of the Petrel?")
    assert answer.endswith("Petrel, Berth: 9, Captain: Kim Oda")


def test_a_row_of_tags_may_stand_on_several_lines(handbook: Brain) -> None:
    rows = (("Birken", "555-1212"), ("Erlen", "555-3434"))
    cells = "".join(f"<tr>\n <td>{a}</td>\n <td>\n{b}\n</td>\n</tr>\n" for a, b in rows)
    asked = f"<table>\n{cells}</table>\n\nWhat is the phone number of Erlen?"
    assert said(handbook, asked) == "Erlen: 555-3434"


SHOWN = {
    "python": "Shop(openingHours='Monday to Friday from 8:15 to 17:00', "
    "head_cook='The well-known Ida Sol')",
    "json": '{"openingHours": "Monday to Friday from 8:15 to 17:00", '
    '"headCook": "The well-known Ida Sol"}',
    "javascript": '{openingHours: "Monday to Friday from 8:15 to 17:00", '
    'headCook: "The well-known Ida Sol"}',
    "toml": 'openingHours = "8:15 to 17:00"\nhead_cook = "The well-known Ida Sol"',
}


@pytest.mark.parametrize("data", SHOWN.values(), ids=SHOWN)
def test_a_name_in_data_is_words(handbook: Brain, data: str) -> None:
    assert said(handbook, f"{data}\nWho is the head cook?") == "head cook: The well-known Ida Sol"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ('{"a": "\\ud83d The rocket club meets at 18:45."}', "18:45"),
        ("{'a': 1, 'b': 'The rocket\\'s start is at 18:45.'}", "The rocket's start is at 18:45."),
        (
            '["Don\'t fly before noon on Monday", "Don\'t meet the rocket before dusk"]',
            "Don't meet",
        ),
    ],
)
def test_what_is_escaped_is_read(handbook: Brain, data: str, answer: str) -> None:
    found = said(handbook, f"{data}\nWhen does the rocket start or meet?")
    assert answer in found.encode().decode()
    assert not found.startswith(",")


@pytest.mark.parametrize("ask", ["", ' Answer as JSON of this form: {"timeout": 0}'])
def test_arguments_of_a_tool_are_no_form_and_are_facts(handbook: Brain, ask: str) -> None:
    called = 'Tool: fetch\nargs: {"timeout": 30, "url": "https://a.example"}'
    assert "30" in said(handbook, f"{called}\n\nWhat is the timeout?{ask}")
