"""A chat page on Gradio.

python gradio_chat.py
"""

import os

import gradio as gr

from langchain_agents import ChatBlueNexus

model = ChatBlueNexus()


def answer(question, history, request: gr.Request):
    """The answer as it grows; the page's session names the dialogue."""
    config = {"configurable": {"session_id": request.session_hash}}
    text = ""
    for chunk in model.stream(question, config):
        text += chunk.text
        yield text


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "7860"))
    gr.ChatInterface(answer, title="Ask the agent").launch(server_port=port)
