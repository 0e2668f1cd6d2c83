"""A mind without a model: it finds the sentence that answers, wherever a prompt holds it.

1. `reading` takes a prompt apart: markup becomes line breaks, then sentences, each with the label
   or heading that it stands under. Exactly one of them, or a few in a row, is what is asked.
2. `tasks`: a framework that wants no answer but a choice, a ranking, keywords or a question of its
   own shows the form of the result; the form tells the task.
3. `answers` gathers all sentences known: of the prompt, of what was said before, and of the pages
   that `knowledge` finds. None is dropped for what it looks like, instructions neither.
4. `scoring` ranks them by the share of the question's telling words that each says, or what stands
   around it; one that has no time, figure, price, place, address or person where one is asked for
   counts less than half, and the documents less than what the prompt says.
5. The best is said, with its page; below a half, nothing is known, and that is said.
6. `schema`: each field of a JSON schema is a question of its own, and `values` cuts the number,
   the time or the name out of the sentence that answers it.

All that depends on a language stands in `languages.ini`.
"""
