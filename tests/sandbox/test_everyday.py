"""What people type first, and what graders and classifiers of the frameworks' pages ask."""

from __future__ import annotations

import json

import pytest
from langchain_classic.chains.question_answering.map_rerank_prompt import PROMPT as MAP_RERANK
from langchain_classic.retrievers.document_compressors import chain_filter_prompt
from llama_index.core.evaluation.relevancy import DEFAULT_EVAL_TEMPLATE as RELEVANCY

from remote_agents.sandbox.mind.answers import NOTHING, Brain
from remote_agents.sandbox.mind.reading import sentences
from tests.sandbox.brains import said

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
    "a price in words": ("食堂的午餐一份二十元。", "午餐多少钱？", "二十元"),
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


def test_of_classes_that_fit_as_well_the_first_is_taken(handbook: Brain) -> None:
    asked = "Classify the text as 'positive', 'negative' or 'neutral'.\n\nText: What a surprise."
    assert said(handbook, asked) == "positive"


def test_a_query_is_written_for_the_question_before(handbook: Brain) -> None:
    wanted = "Generate a search query to look up information relevant to the conversation."
    text = said(handbook, "Where does the ferry Aurora berth?", "At quay 4.", wanted)
    assert text == "Where does the ferry Aurora berth"


GOES_ON = {
    "The clinic is in Keel Street.\nIt opens at 7:15.\nWhen does the clinic open?": "7:15",
    "Berth 4\n11 metres deep\nBerth 5\n9 metres deep\nHow deep is berth 4?": "11 metres",
    "The Lindel bridge is new.\n\nIt cost 4 million.\n\nHow much did the bridge cost?": "4 million",
    "Die Klinik ist am Hafen.\nSie öffnet um 7:15 Uhr.\nWann öffnet die Klinik?": "7:15",
    "诊所在港口。\n它七点开门。\n诊所几点开门？": "七点",
}


@pytest.mark.parametrize("prompt", GOES_ON)
def test_a_line_can_be_about_what_the_one_before_names(handbook: Brain, prompt: str) -> None:
    assert GOES_ON[prompt] in said(handbook, prompt)


@pytest.mark.parametrize(
    "asked",
    [
        "When does the pool open, and are dogs allowed in the pool?",
        "When does the pool open and is the sauna free?",
        "When does the pool open? May dogs enter the pool?",
    ],
)
def test_several_questions_are_answered_one_by_one(handbook: Brain, asked: str) -> None:
    pool = "The pool opens at 6:30. Dogs are forbidden in the pool. The sauna is free. It rains."
    opening, other = "The pool opens at 6:30.", ("Dogs are forbidden", "The sauna is free.")
    answer = said(handbook, f"{asked}\n\n{pool}")
    assert answer.startswith(opening)
    assert other["sauna" in asked] in answer


def test_one_question_with_an_and_in_it_is_one(handbook: Brain) -> None:
    told = "The map and list of wrecks is kept by Ida Sol. The bell is kept by Max Ebb."
    asked = f"{told}\n\nWho keeps the map and list of wrecks?"
    assert said(handbook, asked) == told.partition(". ")[0] + "."


ASKED_OF = {
    "What does the pump cost?": "The pump costs 88 marks.",
    "How much is a towel?": "A towel is sold for 3 florins.",
    "Was kostet ein Handtuch?": "Ein Handtuch kostet 3 Taler.",
    "When is the regatta?": "The regatta is in spring.",
    "Wann ist die Regatta?": "Die Regatta ist im Frühling.",
    "When do reviews take place?": "Reviews take place in March and September.",
    "하늘빵집의 휴무일은 언제입니까?": "하늘빵집의 휴무일은 수요일입니다.",
    "Who brings the cake?": "Jorun brings the cake.",
    "Who repairs the boiler?": "The boiler is repaired by Thermex.",
    "Who built the probe?": "The probe was built by ESA.",
    "Wer betreibt die Fähre?": "Die Fähre betreibt die NKB.",
    "Who won the first round?": "The first round was won by K.",
    "How many of the 12 flats have a balcony?": "All 12 flats have a balcony.",
    "What does an ax cost?": "We sell axes for 45 euros.",
    "When is the harbour closed?": "At wind force 11 the harbour is closed.",
    "How long does the crossing take?": "The crossing takes half an hour.",
}


@pytest.mark.parametrize("asked", ASKED_OF)
def test_what_is_a_price_a_time_or_a_person_answers(handbook: Brain, asked: str) -> None:
    told = ASKED_OF[asked]
    assert said(handbook, f"Gulls are loud. {told} It rains.\n\n{asked}") == told


@pytest.mark.parametrize("asked", ["phone number of the dentist", "e-mail address of the dentist"])
def test_how_to_reach_somebody_else_is_no_answer(handbook: Brain, asked: str) -> None:
    told = (
        "Pelle's bakery\nPhone: 0231 44 58 90\nEmail: pelle@bakery.example\n\nThe dentist is old."
    )
    assert said(handbook, f"{told}\n\nWhat is the {asked}?") == NOTHING


def test_a_question_of_which_the_half_is_unknown_has_no_answer(handbook: Brain) -> None:
    assert said(handbook, "Which brand of flu vaccination is refrigerated?") == NOTHING


def test_an_address_tells_itself_by_its_form(handbook: Brain) -> None:
    told = "Write to desk@aln.example about the library."
    asked = f"{told} The library is open on Mondays.\n\nWhat is the e-mail address of the library?"
    assert said(handbook, asked) == told


def test_it_is_what_it_was_some_sentences_ago(handbook: Brain) -> None:
    told = "The Vardo crane lifts 25 tonnes. It stands on pier 3. Its driver is Max Ebb."
    asked = f"The Lomma crane is old.\n\n{told}\n\nThe Grav winch is new."
    assert "Max Ebb" in said(handbook, f"{asked}\n\nWho is the driver of the Vardo crane?")


def test_a_sentence_of_its_own_is_not_about_what_was_named_some_sentences_ago(
    handbook: Brain,
) -> None:
    told = "The bus to Lomma is full. That is a pity. The ferry to Grav leaves at 9:10."
    assert said(handbook, f"{told}\n\nWhen does the bus to Lomma leave?") == NOTHING


CRANES = "The Lomma crane lifts 40 tonnes. The Vardo crane lifts 25 tonnes. It rains in Lomma."
KRAENE = "Der Kran in Lomma hebt 40 Tonnen. Der Kran in Vardo hebt 25 Tonnen. Es regnet viel."
ORDERS = {
    "Tell me how much the Vardo crane lifts. Write in English.": CRANES,
    "Tell me how much the Vardo crane lifts. Describe nothing else.": CRANES,
    "Can you tell me what the Vardo crane lifts. Explain your reasoning.": CRANES,
    "Tell me how much the Vardo crane lifts.": f"When it rains, all cranes stop. {CRANES}",
    "Sag mir, wie viel der Kran in Vardo hebt. Nenne nur die Zahl.": KRAENE,
}


@pytest.mark.parametrize("order", ORDERS)
def test_of_several_orders_the_one_that_names_most_is_asked(handbook: Brain, order: str) -> None:
    told = ORDERS[order]
    for prompt in (f"{told}\n\n{order}", f"{order}\n\n{told}"):
        assert "25" in (answer := said(handbook, prompt))
        assert "40" not in answer


def test_what_a_user_said_last_is_asked_whatever_its_form(handbook: Brain) -> None:
    talk = f"User: {CRANES}\nAssistant: Noted.\nUser: load of the Vardo crane"
    assert said(handbook, talk) == "The Vardo crane lifts 25 tonnes."


NEAR = {
    "The internal post goes at 9:30. The international post goes at 11:15.\n\n"
    "When does the international post go?": "The international post goes at 11:15.",
    "Der Laden hat am Montag zugemacht. Die Halle hat am Freitag aufgemacht.\n\n"
    "Wann hat die Halle aufmachen dürfen?": "Die Halle hat am Freitag aufgemacht.",
}


@pytest.mark.parametrize("prompt", NEAR)
def test_a_word_is_near_in_another_form_and_not_by_its_beginning(
    handbook: Brain, prompt: str
) -> None:
    assert said(handbook, prompt) == NEAR[prompt]


RECORDS = """Name: Tove Lindqvist
Role: pilot of the harbour
Phone: +47 555 0199

Name: Erik Brandt
Role: driver of the crane
Phone: +47 555 0144"""
ANSWERED = """Q: When does the pool open?
A: At 06:30.
Q: What does a towel cost?
A: 3 florins.
Q: Who is the lifeguard?
A: Rita Moss."""


@pytest.mark.parametrize(
    ("told", "asked", "value"),
    [
        (RECORDS, "What is Erik Brandt's phone number?", "+47 555 0144"),
        (RECORDS, "What is Tove Lindqvist's role?", "pilot"),
        ("**Aurelia**\nCaptain: Ulf\n\n**Borealis**\nCaptain: Nils", "Borealis captain?", "Nils"),
        (ANSWERED, "What does a towel cost?", "3 florins."),
        ("Fax: 555-0124. Phone: 555-0123.", "What is the phone number?", "555-0123"),
        (
            "The fee is max. 40 euros. The deposit is max. 100 euros.",
            "How much is the deposit?",
            "100",
        ),
        (
            "Ferry(name='Aurelia', departureTime='06:55', arrivalTime='08:05')",
            "When is the arrival?",
            "08:05",
        ),
        (ANSWERED, "Question: Who is the lifeguard?", "Rita Moss."),
        (ANSWERED, "Q: When does the pool open?\nA:", "At 06:30."),
    ],
)
def test_lines_are_about_what_stands_above(
    handbook: Brain, told: str, asked: str, value: str
) -> None:
    assert value in said(handbook, f"{told}\n\n{asked}")


def test_words_that_somebody_said_are_told_without_half_a_quotation(handbook: Brain) -> None:
    told = 'The captain said: "We sail at dawn." Then he slept.'
    assert said(handbook, f"{told}\n\nWhen do we sail?") == "We sail at dawn."


@pytest.mark.parametrize("asked", ["How many vacation days do I get?", "When is salary paid?"])
def test_an_answer_that_broke_off_anywhere_is_no_source(handbook: Brain, asked: str) -> None:
    answer = said(handbook, asked)
    words = answer.split(" ")
    begun = [" ".join(words[:count]) for count in range(1, len(words))]
    assert {said(handbook, asked, broken_off, asked) for broken_off in begun} == {answer}


def test_a_tag_is_the_heading_of_what_it_holds_alone() -> None:
    told = sentences("<ferry>\nIt is red.\n\nIt is old.\n</ferry>\nThe crane lifts 11 tonnes.")
    assert [part.heading for part in told] == ["ferry", "ferry", ""]
