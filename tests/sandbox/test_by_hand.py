"""Prompts as people write them by hand in their first hour."""

import json

import pytest

from remote_agents.sandbox.mind.answers import NOTHING, Brain
from tests.sandbox.brains import said

MILL = "The mill burned down in 1911. It was rebuilt by the Olsen family."
MÜHLE = "Die Mühle brannte 1911 ab. Sie wurde von Familie Olsen wieder aufgebaut."
SUMMARIES = {
    f"Summarize the following text in two sentences.\n\n{MILL}": "1911",
    f"Summarize this article in 3 bullet points: {MILL}": "1911",
    f"What are the main points of this paragraph?\n\n{MILL}": "1911",
    f"Fasse den Artikel in drei Stichpunkten zusammen.\n\n{MÜHLE}": "1911",
    "请用一句话总结下面的内容：\n\n磨坊于1911年被烧毁。后来由奥尔森家族重建。": "1911",
}


@pytest.mark.parametrize("prompt", SUMMARIES)
def test_a_summary_has_a_length_and_no_topic(handbook: Brain, prompt: str) -> None:
    assert SUMMARIES[prompt] in said(handbook, prompt)


ANSWERED = {
    "a comment": (
        "```bash\n# Ledgers are kept in /srv/vault\ncp -r a b\n```\n\nWhere are ledgers kept?",
        "/srv/vault",
    ),
    "a heading that tells": (
        "## Entrance fee: 6 euros\n\nOpen daily.\n\nWhat is the entrance fee?",
        "6 euros",
    ),
    "a question in small letters": (
        "what does the zeppelin ticket cost? i have this text: A zeppelin ticket costs 12 euros.",
        "12 euros",
    ),
    "initials": (
        "The prize was won by J. K. Marlow in 1998.\n\nWho won the prize?",
        "J. K. Marlow",
    ),
    "an initial is no degree": (
        "Gouda ripens at 12 °C. Brie ripens at 10 °C.\n\nAt how many degrees does Brie ripen?",
        "Brie ripens at 10 °C",
    ),
    "a word of talk is the topic": (
        "Henrik has the keys. Ada feeds the parrot on Sundays.\n\nWho has the keys?",
        "Henrik has the keys",
    ),
    "a label names what is asked": (
        "Ships from: Dover\nWeight: 3 kg\n\nWhere does it ship from?",
        "Dover",
    ),
    "a field of a record": (
        'order: {"id": "A-7", "status": "in transit"}\n\nWhat is the status of the order?',
        "in transit",
    ),
    "how often": (
        "Anvils are replaced every six years.\n\nHow often are anvils replaced?",
        "six years",
    ),
}


@pytest.mark.parametrize(("prompt", "answer"), ANSWERED.values(), ids=ANSWERED)
def test_the_fact_is_found(handbook: Brain, prompt: str, answer: str) -> None:
    assert answer in said(handbook, prompt)


COMPLAINTS = {
    "population: Input should be a valid integer, unable to parse": {"population": 18400},
    "mayor: Field required; area: Input should be a valid number": {"area": 92.5},
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_form_is_filled_again_with_the_types_that_were_missed(
    handbook: Brain, complaint: str
) -> None:
    asked = (
        "The town of Lunde has a population of 18,400. Its mayor is Ada Eik. The area is 92.5 km2."
        "\n\nReply with JSON with the keys population, mayor, area"
    )
    again = f"That was not valid: {complaint}\n\nAnswer again, with the JSON object."
    value = json.loads(said(handbook, asked, "{}", again))
    assert value.keys() == {"population", "mayor", "area"}
    assert value["mayor"] == "Ada Eik"
    assert value.items() >= COMPLAINTS[complaint].items()


REFUSALS = {
    'If the context does not say it, reply "Not stated."': "Not stated.",
    "If you cannot find it, return NOT_FOUND.": "NOT_FOUND",
    "Wenn es nicht im Text steht, antworte „Keine Angabe“.": "Keine Angabe",
    "如果资料中没有，请回答“资料未提及”。": "资料未提及",
}


@pytest.mark.parametrize("wish", REFUSALS)
def test_a_refusal_is_worded_as_the_prompt_wants_it(handbook: Brain, wish: str) -> None:
    prompt = "{wish}\n\nContext: {fact}\n\nQuestion: Who paints the lighthouse?"
    nothing = prompt.format(wish=wish, fact="The lighthouse has 212 steps.")
    assert said(handbook, nothing).startswith(REFUSALS[wish])
    told = prompt.format(wish=wish, fact="The lighthouse is painted by Olga Brun.")
    assert "Olga Brun" in said(handbook, told)


SCRIPTS = {
    "Arabic": (
        "يقدم الغداء في الساعة 13:00. تكلفة موقف السيارات 45 يورو.",
        "كم تكلفة موقف السيارات؟",
    ),
    "Chinese": ("午餐13:00供应。车位每月45欧元。", "车位多少钱？"),
    "Hindi": ("भोजन 13:00 बजे परोसा जाता है। पार्किंग का शुल्क 45 यूरो है।", "पार्किंग का शुल्क कितना है?"),
    "Japanese": ("昼食は13:00です。駐車場は月45ユーロです。", "駐車場はいくらですか？"),
    "Korean": ("점심은 13:00에 제공됩니다. 주차장은 한 달에 45유로입니다.", "주차장은 얼마예요?"),
}


@pytest.mark.parametrize(("text", "question"), SCRIPTS.values(), ids=SCRIPTS)
def test_the_one_sentence_of_a_text_answers_in_any_script(
    handbook: Brain, text: str, question: str
) -> None:
    answer = said(handbook, f"{text}\n\n{question}")
    assert "45" in answer
    assert "13:00" not in answer


POLITELY = {
    "en": "Hello, how tall is the lighthouse? The lighthouse is 63 metres tall.",
    "de": "Hallo, wie hoch ist der Leuchtturm? Der Leuchtturm ist 63 Meter hoch.",
    "zh": "你好，请问灯塔有多高？灯塔高63米。",
    "zh, thanks": "灯塔高63米。谢谢，灯塔有多高？",
    "en, astonished": "The lighthouse is 63 metres tall. Hello, how tall is the lighthouse?!",
    "en, smiling": "The lighthouse is 63 metres tall. Hello, how tall is the lighthouse?🙂",
    "ja": "こんにちは、灯台の高さは？灯台の高さは63メートルです。",
}


@pytest.mark.parametrize("text", POLITELY.values(), ids=POLITELY)
def test_a_question_that_begins_politely_is_answered(handbook: Brain, text: str) -> None:
    answer = said(handbook, text)
    assert "63" in answer
    assert "Hello" not in answer


PAST = {
    "Who leads the choir?": "Mara Olsen led the choir.",
    "Who holds the record?": "Mara Olsen held the record until 1999.",
    "Who keeps the minutes?": "Mara Olsen kept the minutes.",
    "Who drives the truck?": "Mara Olsen has driven the truck since May.",
}


@pytest.mark.parametrize("question", PAST)
def test_a_verb_is_the_same_in_the_past(handbook: Brain, question: str) -> None:
    assert said(handbook, f"Context:\n{PAST[question]}\n\nQuestion: {question}") == PAST[question]


NO_OTHER = {
    "Ada wins. The gate won't.\n\nWho won't?": NOTHING,
    "Ada wrote it. Ole chose it.\n\nSummarize this.": "Ada wrote it. Ole chose it.",
}


@pytest.mark.parametrize("prompt", NO_OTHER)
def test_a_verb_in_the_past_is_no_other_word(handbook: Brain, prompt: str) -> None:
    assert said(handbook, prompt) == NO_OTHER[prompt]


LH204 = "Flight LH204 uses gate B17."
ORDER = "Order 77 was shipped on Monday."
NUMBERED = {
    f"{LH204}\nWhich gate does flight LH204 use?": LH204,
    f"{LH204}\nWhich gate does flight LH999 use?": NOTHING,
    f"{LH204} Flight LH999 uses gate A1.\nWhich gate does flight LH999 use?": (
        "Flight LH999 uses gate A1."
    ),
    f"{ORDER}\nWhen was order #77 shipped?": ORDER,
    f"{ORDER}\nWhen was order 78 shipped?": NOTHING,
    "Der Raum B12 hat 20 Plätze.\nWie viele Plätze hat Raum C4?": NOTHING,
    "Room 4 and room 5 have a balcony.\nDoes room 5 have a balcony?": (
        "Room 4 and room 5 have a balcony."
    ),
    "Zimmer 4, 5 und 6 haben einen Balkon.\nHat Zimmer 6 einen Balkon?": (
        "Zimmer 4, 5 und 6 haben einen Balkon."
    ),
    "Room 41 to 48 have a balcony.\nDoes room 45 have a balcony?": "Room 41 to 48 have a balcony.",
    "You get 25 moon days.\nDo I get 30 moon days?": "You get 25 moon days.",
    "Refunds are made within 14 days.\nAre refunds made within 30 days?": (
        "Refunds are made within 14 days."
    ),
    "After 5 years the pass costs 9 euros.\nWhat does the pass cost after 7 years?": (
        "After 5 years the pass costs 9 euros."
    ),
}


@pytest.mark.parametrize("prompt", NUMBERED)
def test_what_is_said_of_one_number_is_not_said_of_another(handbook: Brain, prompt: str) -> None:
    assert said(handbook, prompt) == NUMBERED[prompt]


NEWEST = {
    "Thanks!": "You are welcome!",
    "My boat is at pier 6.": "Noted, I will remember that. You said: My boat is at pier 6.",
    "The lighthouse is 63 metres tall.": NOTHING,
    "我叫陈晨。": "Noted, I will remember that. You said: 我叫陈晨。",
}


@pytest.mark.parametrize("newest", NEWEST)
def test_what_stands_below_a_talk_is_the_newest_message(handbook: Brain, newest: str) -> None:
    talk = "Conversation so far:\nUser: Hi\nAssistant: Hello!\n---\n\n"
    assert said(handbook, f"{talk}{newest}").startswith(NEWEST[newest])


@pytest.mark.parametrize("earlier", ["", "User: Hi\nAssistant: Hello!\n"])
@pytest.mark.parametrize("below", ["It is red.", "\nBe polite and brief.", "\nYou are Bo's agent."])
def test_what_stands_below_a_users_words_is_none(handbook: Brain, earlier: str, below: str) -> None:
    answer = said(handbook, f"{earlier}User: My boat is at pier 6.\n{below}")
    assert answer == "Noted, I will remember that. You said: My boat is at pier 6."
