"""Turns of a conversation: what each wants, and the answer to it. `Conversation` is the one way in."""
