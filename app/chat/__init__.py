"""The chat page's parts: one turn, what a session remembers, and how an answer is drawn."""
