"""What the 64 bits of a rule's parameter mean, and the names `select.lark` calls them by.

Bits 0 to 46 say which tables are in scope (tables beyond 47 share bits, so a column may then slip in with its
bit's other table); the rest are flags and two counters that keep lists and nesting finite.
"""

TABLE_BITS = 47
MANY, OUTER_MANY, GUESSED_DERIVED, DERIVED, WITH, ALIAS, LIST = range(47, 54)
COUNT, DEPTH = "[54:59]", "[59:63]"
UNION = 63
ALL = (1 << 64) - 1


def bits(*positions: int) -> int:
    """These bits set."""
    return sum(1 << position for position in positions)


def span(field: str) -> int:
    """All bits of a counter like `[54:59]` set."""
    low, high = (int(part) for part in field.strip("[]").split(":"))
    return bits(*range(low, high))


PLACES: dict[str, str] = {
    "MA": hex(bits(MANY, ALIAS)),
    "MDD": hex(bits(MANY, GUESSED_DERIVED)),
    "OMD": hex(bits(OUTER_MANY, DERIVED)),
    "KNOW": hex(ALL & ~bits(MANY, GUESSED_DERIVED, LIST)),  # FROM: what was guessed gives way to what is there
    "ENTER": hex(ALL & ~(bits(MANY, GUESSED_DERIVED, ALIAS, UNION) | span(COUNT))),  # a subquery starts afresh
    "FORGET": hex(bits(OUTER_MANY, WITH) | span(DEPTH)),
    "L": str(LIST),
    "COUNT": COUNT,
    "DEPTH": DEPTH,
    "WITHMASK": hex(bits(WITH)),
    "WITH": str(WITH),
    "OM": str(OUTER_MANY),
    "DD": str(GUESSED_DERIVED),
    "M": str(MANY),
    "D": str(DERIVED),
    "A": str(ALIAS),
    "U": str(UNION),
}


def table_bit(index: int) -> int:
    """The bit of the index-th table."""
    return index % TABLE_BITS
