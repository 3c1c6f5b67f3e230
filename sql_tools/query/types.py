"""A SQL type's text -> number, text, time or truth."""

NUMBERS = ("INT", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC", "NUMBER")
KINDS = {"number": NUMBERS, "text": ("CHAR", "TEXT", "STRING", "ENUM"), "time": ("DATE", "TIME"), "truth": ("BOOL",)}


def kind_of(sql_type: str) -> str:
    """number, text, time or truth; empty for any other type. INTERVAL holds INT but is no number."""
    upper = sql_type.upper()
    if upper.endswith("]") or upper.startswith(("INTERVAL", "STRUCT", "MAP", "UNION")):
        return ""
    return next((kind for kind, words in KINDS.items() if any(word in upper for word in words)), "")
