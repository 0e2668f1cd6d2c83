"""A chat page on Chainlit.

chainlit run chainlit_chat.py
"""

import chainlit as cl

from langchain_agents import ChatBlueNexus

model = ChatBlueNexus()


@cl.on_message
async def answer(question: cl.Message) -> None:
    """Answer word by word; the page's session names the dialogue."""
    config = {"configurable": {"session_id": cl.context.session.id}}
    reply = cl.Message("")
    async for chunk in model.astream(question.content, config):
        await reply.stream_token(chunk.text)
    await reply.send()
