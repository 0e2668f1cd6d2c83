"""Answers that hold the right object among other words, for both frameworks."""

AMONG_WORDS = {
    "thought aloud before": '<think>I want {"days": ...}.</think>\n{"days": 25, "answer": "25"}',
    "a draft before": '<think>{"days": 24, "answer": "24"}?</think>{"days": 25, "answer": "25"}',
    "braces before": 'From the set {1, 2} follows:\n{"days": 25, "answer": "25"}',
    "braces behind": '{"days": 25, "answer": "25"} Hope that helps {smile}, {"or": "not"}!',
    "said twice": '{"days": 25, "answer": "25"}\nOnce more: {"days": 25, "answer": "25"}',
    "a line break in a text": '{"days": 25, "answer": "2\n5"}',
    "braces and quotes in a text": '{"days": 25, "answer": "{2\\"5"}',
    "a code fence": 'Sure: ```json\n{"days": 25, "answer": "25"}\n```',
}
