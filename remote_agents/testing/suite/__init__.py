"""What holds for any service; run by `pytest --agent-service NAME`."""
