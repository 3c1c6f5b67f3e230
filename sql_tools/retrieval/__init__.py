"""Which tables a question needs."""
