"""A chat page on Streamlit.

streamlit run streamlit_chat.py
"""

import uuid

import streamlit as st
from langchain_core.messages import HumanMessage, message_chunk_to_message

from langchain_agents import ChatBlueNexus

st.title("Ask the agent")
history = st.session_state.setdefault("history", [])
session = st.session_state.setdefault("session", uuid.uuid4().hex)
for message in history:
    st.chat_message(message.type).markdown(message.text)

if question := st.chat_input("Your question"):
    history.append(HumanMessage(question))
    st.chat_message("human").markdown(question)
    model = ChatBlueNexus()  # costs microseconds: the connections are shared
    chunks = []
    config = {"configurable": {"session_id": session}}

    def words():
        """The answer as it comes; its chunks are kept for the history."""
        for chunk in model.stream(history, config):
            chunks.append(chunk)
            yield chunk.text

    with st.chat_message("ai"):
        st.write_stream(words)
    history.append(message_chunk_to_message(sum(chunks[1:], chunks[0])))
