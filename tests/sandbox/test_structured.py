"""A value asked for by a schema is the one of the sentence that answers its field."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from langchain_classic.output_parsers.prompts import NAIVE_FIX_PROMPT
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from llama_index.core.output_parsers import PydanticOutputParser as LlamaIndexParser
from pydantic import BaseModel, Field

from remote_agents.sandbox.mind.answers import Ask, Brain
from tests.sandbox.brains import said


class Crane(BaseModel):
    """A crane of the port."""

    lifts_tonnes: int = Field(description="how many tonnes it lifts")
    opens: str = Field(description="the time at which the crane's cabin opens")
    operator_name: str = Field(description="who operates it")
    price_per_hour: float = Field(description="the price of one hour in euros")
    is_indoors: bool = Field(description="whether it stands indoors")


TEXTS = {
    "en": "Crane 9 lifts 42 tonnes. It was built in 1987. The cabin opens at 6:45 on weekdays. "
    "The operator is Ada Quill. An hour costs 99.50 euros. The crane does not stand indoors.",
    "de": "Kran 9 wurde 1987 gebaut. Er hebt 42 Tonnen (lifts tonnes). Die Kabine (cabin) öffnet "
    "um 6:45 Uhr (opens, time). Bedient wird er von Ada Quill (operator). Eine Stunde (price per "
    "hour) kostet 99,50 Euro. Der Kran steht nicht in einer Halle (indoors).",
}
EXPECTED = {"lifts_tonnes": 42, "operator_name": "Ada Quill", "price_per_hour": 99.5}
SCHEMA = Crane.model_json_schema()
EXAMPLE = (
    'Reply in JSON only:\n{\n  "lifts_tonnes": int  // how many tonnes it lifts\n'
    '  "opens": "<time at which the cabin opens>",\n  "operator_name": "<who operates it>",\n'
    '  "price_per_hour": 0.0,\n  "is_indoors": bool\n}'
)
FORMS = {
    "langchain's pydantic parser": PydanticOutputParser(
        pydantic_object=Crane
    ).get_format_instructions(),
    "langchain's json parser": JsonOutputParser(pydantic_object=Crane).get_format_instructions(),
    "llama_index's pydantic parser": LlamaIndexParser(Crane).format_string,
    "a schema alone": json.dumps(SCHEMA),
    "an example": EXAMPLE,
}
PLACES = {
    "before": "{form}\n\n{text}\n\nTell me about crane 9.",
    "after": "{text}\n\nTell me about crane 9.\n\n{form}",
    "between": "Describe crane 9.\n{form}\nContext: {text}",
}


def value(brain: Brain, *messages: tuple[str, str], schema: dict[str, Any] | None = None) -> Any:
    ask = Ask([{"role": role, "content": text} for role, text in messages], schema=schema)
    return json.loads(brain.answer(ask).text)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_field_has_the_value_of_its_sentence(
    handbook: Brain, form: str, place: str, text: str
) -> None:
    said = value(handbook, ("user", place.replace("{form}", form).replace("{text}", text)))
    assert {name: said[name] for name in EXPECTED} == EXPECTED
    assert said["opens"].startswith("6:45")
    assert said["is_indoors"] is False


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_schema_of_the_request(handbook: Brain, text: str) -> None:
    said = value(handbook, ("system", text), ("user", "Tell me about crane 9."), schema=SCHEMA)
    assert {name: said[name] for name in EXPECTED} == EXPECTED
    assert Crane.model_validate(said).opens.startswith("6:45")


class Leave(BaseModel):
    """What somebody is entitled to."""

    days: int = Field(description="number of vacation days per year")


@pytest.mark.parametrize("completion", ['{"days": 25,}', "days: 25", "You get 25 vacation days."])
def test_an_answer_that_is_to_be_mended_is_kept(handbook: Brain, completion: str) -> None:
    form = PydanticOutputParser(pydantic_object=Leave).get_format_instructions()
    prompt = NAIVE_FIX_PROMPT.format(instructions=form, completion=completion, error="no JSON")
    assert value(handbook, ("user", prompt)) == {"days": 25}


def test_a_number_has_the_unit_of_its_fields_name(handbook: Brain) -> None:
    text = "After nine years of service, crane drivers receive 28 free days per year."
    schema = {"properties": {"days": {"type": "integer", "description": "free days per year"}}}
    asked = f"{text} How many free days do crane drivers receive per year?"
    assert value(handbook, ("user", asked), schema=schema) == {"days": 28}


class Kran(BaseModel):
    """Ein Kran des Hafens."""

    tragkraft_tonnen: int = Field(description="wie viele Tonnen der Kran hebt")
    oeffnung: str = Field(description="um wie viel Uhr die Kabine öffnet")
    bediener_name: str = Field(description="wer den Kran bedient")
    preis_pro_stunde: float = Field(description="was eine Stunde in Euro kostet")


class Qizhongji(BaseModel):
    """港口的起重机。"""

    max_tons: int = Field(description="起重机能吊多少吨")
    opening_time: str = Field(description="驾驶室开门的时间")
    operator_name: str = Field(description="操作员是谁")
    price_per_hour: float = Field(description="每小时的价格，单位为元")


KRAN = (
    "Kran 9 wurde 1987 gebaut. Er hebt 42 Tonnen. Die Kabine öffnet um 6:45 Uhr. Bedient wird "
    "der Kran von Ada Quill. Eine Stunde kostet 99,50 Euro."
)
QIZHONGJI = (
    "9号起重机建于1987年。起重机能吊42吨。驾驶室6:45开门。操作员是林晓。每小时的价格是99.5元。"
)
LOCAL: dict[str, tuple[type[BaseModel], str, list[Any]]] = {
    "de": (Kran, KRAN, [42, "6:45", "Ada Quill", 99.5]),
    "zh": (Qizhongji, QIZHONGJI, [42, "6:45", "林晓", 99.5]),
}


@pytest.mark.parametrize("language", LOCAL)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("form", ["langchain", "llama_index", "schema", "request"])
def test_fields_described_in_their_language(
    handbook: Brain, form: str, place: str, language: str
) -> None:
    model, text, expected = LOCAL[language]
    schema = model.model_json_schema()
    instructions = {
        "langchain": PydanticOutputParser(pydantic_object=model).get_format_instructions(),
        "llama_index": LlamaIndexParser(model).format_string,
        "schema": json.dumps(schema, ensure_ascii=False),
        "request": "",
    }
    prompt = place.replace("{form}", instructions[form]).replace("{text}", text)
    given = schema if form == "request" else None
    tonnes, opens, name, price = value(handbook, ("user", prompt), schema=given).values()
    assert [tonnes, opens[: len("6:45")], name, price] == expected


CONSTRAINED = {
    "a range": {"type": "integer", "minimum": 5, "maximum": 9},
    "above": {"type": "number", "exclusiveMinimum": 100},
    "below": {"type": "integer", "exclusiveMaximum": 0},
    "a multiple": {"type": "integer", "multipleOf": 7, "minimum": 1},
    "a short text": {"type": "string", "maxLength": 5},
    "a long text": {"type": "string", "minLength": 500},
    "a list": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
    "distinct texts": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 3,
        "uniqueItems": True,
    },
    "a pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
    "a constant": {"const": 7},
    "nothing": {"type": "null"},
    "one of several types": {"type": ["null", "integer"]},
    "one of several": {"oneOf": [{"type": "integer"}, {"type": "null"}]},
    "several at once": {"allOf": [{"type": "integer"}, {"minimum": 40}]},
    "a date": {"type": "string", "format": "date"},
    "a time": {"type": "string", "format": "date-time"},
    "an address": {"type": "string", "format": "email"},
    "anything": {},
}


@pytest.mark.parametrize("constrained", CONSTRAINED.values(), ids=CONSTRAINED)
@pytest.mark.parametrize("text", ["", TEXTS["en"]], ids=["of the handbook", "of a text"])
def test_a_value_obeys_its_schema(handbook: Brain, constrained: dict[str, Any], text: str) -> None:
    schema = {"type": "object", "properties": {"x": constrained}, "required": ["x"]}
    said = value(handbook, ("user", f"{text}\n\nHow many tonnes?"), schema=schema)
    checker = jsonschema.FormatChecker()
    jsonschema.validate(said, schema, format_checker=checker)


FIELDS = {
    "weeks": ("How many weeks is parental leave?", 16),
    "days": ("How many vacation days do full-time employees get?", 25),
    "euros_per_night": ("What is the hotel limit?", 140),
    "minutes": ("How long is the break after six hours of work?", 30),
    "characters": ("How long must passwords be?", 14),
    "percent": ("What does the company pay of a season ticket?", 75),
    "working_days": ("How quickly does the People team reply?", 2),
    "months": ("How long are bicycles leased?", 36),
}


@pytest.mark.parametrize(("name", "question", "expected"), [(k, *v) for k, v in FIELDS.items()])
def test_the_number_of_the_handbook_with_its_unit(
    handbook: Brain, name: str, question: str, expected: int
) -> None:
    schema = {"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]}
    assert value(handbook, ("user", question), schema=schema) == {name: expected}


def test_each_field_may_be_on_another_page(handbook: Brain) -> None:
    properties = {
        "vacation_days_full_time": {"type": "integer"},
        "parental_leave_weeks": {"type": "integer"},
        "compliance_officer": {"type": "string"},
        "service_desk_number": {"type": "integer", "description": "internal number"},
    }
    said = value(
        handbook, ("user", "Fill in what the handbook says."), schema={"properties": properties}
    )
    assert said == {
        "vacation_days_full_time": 25,
        "parental_leave_weeks": 16,
        "compliance_officer": "Ingrid Solberg",
        "service_desk_number": 4400,
    }


@pytest.mark.parametrize("text", ["The heater cost 349 euros.", "I ordered 250 tiles."])
def test_any_number_is_no_phone_number(handbook: Brain, text: str) -> None:
    phone = {"type": ["string", "null"], "description": "phone number of the customer, if given"}
    found = value(handbook, ("user", text), schema={"properties": {"phone": phone}})
    assert found == {"phone": None}


def test_what_nothing_says_stays_empty(handbook: Brain) -> None:
    nullable = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    schema = {"properties": {"depth_of_berth_4": nullable}}
    assert value(handbook, ("user", "How deep is berth 4?"), schema=schema) == {
        "depth_of_berth_4": None
    }


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Crane 9 is green.", "green"),
        ("Its colour: it is painted RED since May.", "red"),
        ("Kran 9 ist blue lackiert.", "blue"),
    ],
)
def test_an_option_that_is_said(handbook: Brain, sentence: str, expected: str) -> None:
    schema = {"properties": {"colour": {"enum": ["blue", "green", "red"]}}}
    prompt = f"{sentence} What colour is crane 9?"
    assert value(handbook, ("user", prompt), schema=schema) == {"colour": expected}


def test_named_keys(handbook: Brain) -> None:
    prompt = (
        "Return a JSON object with the keys 'lifts_tonnes' and 'operator_name'.\n\n"
        f"Text: {TEXTS['en']}"
    )
    said = value(handbook, ("user", prompt))
    assert "42" in str(said["lifts_tonnes"])
    assert said["operator_name"] == "Ada Quill"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Item,Price,Stock\nLamp,12 EUR,4\nDesk,140 EUR,1\n\nHow much is the desk?", 140),
        ("Name: Greta Holm\nOffice: room 14\n\nWhere is her office?", 14),
    ],
)
def test_a_text_without_a_field_s_words_fills_it_all_the_same(
    handbook: Brain, text: str, expected: int
) -> None:
    schema = {"properties": {"value": {"type": "string"}, "number": {"type": "number"}}}
    assert value(handbook, ("user", text), schema=schema)["number"] == expected


@pytest.mark.parametrize("distinct", [False, True])
def test_what_a_sentence_lists(handbook: Brain, distinct: bool) -> None:
    colours = {"type": "array", "items": {"type": "string"}, "uniqueItems": distinct}
    schema = {"properties": {"colours": colours}}
    prompt = "The colours of the buoys are red, green and blue. What are the colours of the buoys?"
    said = value(handbook, ("user", prompt), schema=schema)
    assert said == {"colours": ["red", "green", "blue"]}


UNKNOWN = [{"type": "string"}, {"type": "null"}]
# As LangChain's tutorial on extraction has it.
TUTORIAL = {
    "description": "Information about a person.",
    "properties": {
        "name": {"anyOf": UNKNOWN, "description": "The name of the person"},
        "hair_color": {"anyOf": UNKNOWN, "description": "The color of the person's hair if known"},
        "height_in_meters": {"anyOf": UNKNOWN, "description": "Height measured in meters"},
    },
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Alan Smith is 1.83 meters tall and has blond hair.", ("Alan Smith", "blond", "1.83")),
        ("Torvald Eng has grey hair.", ("Torvald Eng", "grey", None)),
        ("My name is Jeff, my hair is black.", ("Jeff", "black", None)),
    ],
)
def test_what_a_text_does_not_say_of_a_person_is_null(
    handbook: Brain, text: str, values: tuple[str | None, ...]
) -> None:
    told = "You are an expert extraction algorithm. Only extract relevant information."
    filled = json.loads(said(handbook, text, system=told, schema=TUTORIAL))
    tall = (filled["height_in_meters"] or "").removesuffix(" meters") or None
    assert (filled["name"], filled["hair_color"], tall) == values


@pytest.mark.parametrize("null", [{"type": ["string", "null"]}, {"anyOf": UNKNOWN}])
@pytest.mark.parametrize("field", ["architect", "birthday", "contact", "email"])
def test_a_field_that_may_be_null_is_null_unsaid(
    handbook: Brain, null: dict[str, Any], field: str
) -> None:
    form = {"properties": {"length": {"type": "integer"}, field: null}}
    text = "The length of the Rialto Bridge is 612 metres. It was opened on 3 May 1999."
    filled = json.loads(said(handbook, text, schema=form))
    assert filled == {"length": 612, field: None}


@pytest.mark.parametrize(
    ("asked", "score"),
    [("How long does one turn of the dome take?", "yes"), ("What do otters eat?", "no")],
)
def test_a_grader_says_yes_or_no(handbook: Brain, asked: str, score: str) -> None:
    described = "Relevance score: 'yes' if relevant, or 'no' if not relevant"
    form = {"properties": {"binary_score": {"type": "string", "description": described}}}
    text = f"Document:\n\nOne turn of the dome takes 11 minutes.\n\nUser question: {asked}"
    assert json.loads(said(handbook, text, schema=form)) == {"binary_score": score}


LABELLED = (
    "Title: Moth Night. Name: Pebble & Thread. Street: 12 Hollow Lane. Made: by hand, in Rye."
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Moth Night"),
        ("name", "Pebble & Thread"),
        ("street", "12 Hollow Lane"),
        ("made", "by hand, in Rye"),
    ],
)
def test_a_field_is_what_stands_behind_its_label(handbook: Brain, name: str, value: str) -> None:
    schema = {"properties": {name: {"type": "string"}}}
    assert json.loads(said(handbook, LABELLED, schema=schema)) == {name: value}


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        ("date", "Subject: Viewing on 4 May\n\nThe viewing is on 4 May 2025.", "2025-05-04"),
        ("date-time", "The viewing is at 2025-05-04T08:15:00Z.", "2025-05-04T08:15:00Z"),
        ("ipv4", "The viewing is at 10.0.12.7 today.", "10.0.12.7"),
    ],
)
def test_a_format_takes_what_obeys_it(handbook: Brain, form: str, text: str, value: str) -> None:
    schema = {"properties": {"viewing": {"type": "string", "format": form}}}
    assert json.loads(said(handbook, text, schema=schema)) == {"viewing": value}


@pytest.mark.parametrize("shown", ['{"places": <int>}', "{'places': <number>}"])
def test_a_placeholder_tells_the_type(handbook: Brain, shown: str) -> None:
    asked = f"Answer as JSON of this form: {shown}\n\nThe train has 26 places."
    assert json.loads(said(handbook, asked)) == {"places": 26}


def test_a_number_is_known_by_the_word_before_it(handbook: Brain) -> None:
    told = "The train leaves from platform 7. It uses track 12."
    filled = said(handbook, f"Answer as JSON with the keys platform and track.\n\n{told}")
    assert json.loads(filled) == {"platform": 7, "track": 12}
