"""What MaiAgent lists beside what other services list too."""

from __future__ import annotations

from remote_agents.resources.items import (
    Conversation,
    Item,
    Message,
    flag_field,
    item_field,
    number_field,
    object_field,
    text_field,
    time_field,
)


class Contact(Item):
    """A person who writes to a MaiAgent chatbot."""

    id = text_field()
    name = text_field()
    email = text_field()
    phone_number = text_field()
    avatar = text_field()
    source_id = text_field()
    query_metadata = object_field()
    created_at = time_field()
    updated_at = time_field()


class Inbox(Item):
    """A channel through which people write to MaiAgent chatbots."""

    id = text_field()
    name = text_field()
    channel_type = text_field()
    unread_conversations_count = number_field()


class ChatConversation(Conversation):
    """A conversation of MaiAgent."""

    contact = item_field(Contact)
    inbox = item_field(Inbox)
    last_message = item_field(Message)
    last_message_created_at = time_field()
    last_read_at = time_field()
    unread_messages_count = number_field()
    auto_reply_enabled = flag_field()
    is_auto_reply_now = flag_field()
    is_group_chat = flag_field()


class WebChat(Item):
    """A web page's chat window of MaiAgent; conversations are created in one."""

    id = text_field()
    name = text_field()
    avatar = text_field()
