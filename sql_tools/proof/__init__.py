"""The proof card: the query in words, where each column comes from, how it was joined; and its replay."""
