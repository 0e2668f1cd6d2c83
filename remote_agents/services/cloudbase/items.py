"""What CloudBase lists beside what other services list too."""

from __future__ import annotations

from remote_agents.resources.items import Item, number_field, text_field, texts_field, time_field


class Feedback(Item):
    """What a user thought of a CloudBase answer."""

    record_id = text_field()
    type = text_field()
    comment = text_field()
    rating = number_field()
    tags = texts_field()
    input = text_field()
    ai_answer = text_field()
    sender = text_field()
    created_at = time_field("create_time")
