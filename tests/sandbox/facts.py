"""Questions with the sentences that answer them, and questions that nothing answers."""

from __future__ import annotations

from typing import NamedTuple


class Fact(NamedTuple):
    """A question, the sentence that answers it, and its value. The handbook says none of them."""

    question: str
    sentence: str
    value: str


class Unanswered(NamedTuple):
    """A question, and a text that does not answer it, however much it is about the same."""

    question: str
    text: str


FACTS = {
    "like the handbook's": Fact(
        "When does the canteen open?", "The canteen in hall 7 opens at 12:15 on weekdays.", "12:15"
    ),
    "not in the handbook": Fact("How much can crane 9 lift?", "Crane 9 can lift 42 tonnes.", "42"),
    "a name": Fact(
        "Who is the head of the dive team?", "The head of the dive team is Ada Quill.", "Ada Quill"
    ),
    "a rule": Fact(
        "Is smoking allowed on pier 3?", "Smoking is forbidden on pier 3.", "forbidden on pier 3"
    ),
    "a place": Fact(
        "Where are the life jackets?", "Life jackets are kept in locker 12.", "locker 12"
    ),
    "a word": Fact(
        "What is the password of the pilots' door?",
        "The password of the pilots' door is seagull-42.",
        "seagull-42",
    ),
    "german": Fact("Wann öffnet die Kantine?", "Die Kantine ist ab 12:15 Uhr geöffnet.", "12:15"),
    "german compound": Fact(
        "Wie hoch ist die Parkgebühr?", "Die Parkgebühren liegen bei 18 Euro im Monat.", "18 Euro"
    ),
    "german name": Fact(
        "Wer leitet das Taucherteam?", "Das Taucherteam leitet Ada Quill.", "Ada Quill"
    ),
    "german inflected": Fact(
        "Wo parken die Besucher der Werft?",
        "Besucherinnen und Besucher der Werft parken auf Deck 4.",
        "Deck 4",
    ),
    "chinese": Fact("食堂几点开门？", "食堂在工作日12点15分开门。", "12点15分"),
    "chinese name": Fact("潜水队的负责人是谁？", "潜水队负责人是林晓。", "林晓"),
    "chinese number": Fact("9号起重机能吊多少吨？", "9号起重机最多能吊42吨。", "42吨"),
    "chinese word": Fact("引航站的门禁密码是什么？", "引航站门禁密码是海鸥77。", "海鸥77"),
    "japanese": Fact("図書館は何時に開きますか？", "図書館は朝9時半に開きます。", "9時半"),
    "japanese name": Fact("港長は誰ですか？", "港長は佐藤健一です。", "佐藤健一"),
    "an address": Fact(
        "What's the email of the pilots?", "You reach the pilots at quay@dock.example.", "quay@dock"
    ),
    "german place": Fact(
        "Wo gibt es Seekarten?", "Seekarten werden am Kiosk in Gang 3 verkauft.", "Gang 3"
    ),
    "chinese weekday": Fact("灯塔哪天关闭？", "灯塔每周一关闭。", "周一"),
    "japanese place": Fact(
        "切手はどこで買えますか？", "切手は3番通路の売店で買えます。", "3番通路"
    ),
}
AROUND = {
    "en": ("Gulls are loud in spring.", "The lighthouse was painted white."),
    "de": ("Möwen sind im Frühling laut.", "Der Leuchtturm wurde weiß gestrichen."),
    "zh": ("春天海鸥很吵。", "灯塔被漆成了白色。"),
    "ja": ("春はカモメがうるさい。", "灯台は白く塗られています。"),
}
LANGUAGES = dict.fromkeys(FACTS, "en") | {
    name: language
    for name in FACTS
    for prefix, language in (("german", "de"), ("chinese", "zh"), ("japanese", "ja"))
    if name.startswith(prefix)
}
GULLS = " ".join(AROUND["en"])
MOEWEN = " ".join(AROUND["de"])
HAIOU = "".join(AROUND["zh"])
KAMOME = "".join(AROUND["ja"])
UNANSWERED = {
    "a capital": Unanswered("What is the capital of France?", GULLS),
    "an inventor": Unanswered("Who invented the telephone?", GULLS),
    "a depth": Unanswered("How deep is berth 4?", GULLS),
    "a number": Unanswered("How many moons does Jupiter have?", GULLS),
    "a recipe": Unanswered("What is the best pizza topping?", GULLS),
    "tickets": Unanswered("Do you sell concert tickets for Metallica?", GULLS),
    "of the same thing": Unanswered(
        "How tall is the lighthouse?", "The lighthouse was painted white in May."
    ),
    "of the same crane": Unanswered("How much does crane 9 weigh?", "Crane 9 was painted yellow."),
    "of the same canteen": Unanswered(
        "Who runs the canteen in hall 7?", "The canteen in hall 7 opens at 12:15 on weekdays."
    ),
    "like the handbook's": Unanswered(
        "When does the swimming pool open?", "The canteen in hall 7 opens at 12:15 on weekdays."
    ),
    "german capital": Unanswered("Wie heißt die Hauptstadt von Frankreich?", MOEWEN),
    "german inventor": Unanswered("Wer hat das Telefon erfunden?", MOEWEN),
    "german depth": Unanswered("Wie tief ist Liegeplatz 4?", MOEWEN),
    "german number": Unanswered("Wie viele Monde hat der Jupiter?", MOEWEN),
    "german person": Unanswered(
        "Wer ist für die Schleuse zuständig?", "Die Schleuse wurde im Mai gestrichen."
    ),
    "japanese height": Unanswered("灯台の高さは何メートルですか？", KAMOME),
    "german time": Unanswered(
        "Wann öffnet das Schwimmbad?", "Die Kantine ist ab 12:15 Uhr geöffnet."
    ),
    "chinese capital": Unanswered("法国的首都是哪里？", HAIOU),
    "chinese inventor": Unanswered("谁发明了电话？", HAIOU),
    "chinese depth": Unanswered("泊位4有多深？", HAIOU),
    "chinese number": Unanswered("木星有多少颗卫星？", HAIOU),
    "chinese time": Unanswered("游泳池几点开门？", "食堂的菜单每天更新。"),
    "a place": Unanswered("Where is the cinema?", "The cinema seats 212 people."),
    "a price": Unanswered("What does the tour cost?", "Imre Halasz leads the tour."),
    "a phone number": Unanswered(
        "What is the phone number of the pilots?", "The pilots are a crew of 12."
    ),
    "german place": Unanswered("Wo ist das Kino?", "Das Kino hat 212 Sitzplätze."),
    "german price": Unanswered("Was kostet der Rundgang?", "Den Rundgang leitet Imre Halasz."),
    "chinese place": Unanswered("电影院在哪里？", "电影院共有212个座位。"),
    "chinese price": Unanswered("陶艺课多少钱？", "陶艺课由何雨教授。"),
    "japanese place": Unanswered("映画館はどこにありますか？", "映画館には212席あります。"),
}
