"""The demo: the agents answer about a folder of documents, in LangChain and in LlamaIndex.

A package beside the others, because it is the only code that uses both frameworks.
"""
