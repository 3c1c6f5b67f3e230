"""The commands of `python -m model_service` that are more than a call."""
