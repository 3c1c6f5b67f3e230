"""What the 64 bits of a rule's parameter mean, and the names `select.lark` calls them by.

Bits 0 to 41 say which tables are in scope (tables beyond 42 share bits, so a column may then slip in with its
bit's other table); the rest are flags and three counters that keep lists, set operations and nesting finite.
"""

TABLE_BITS = 42
DERIVED_FIRST = 42
MANY, OUTER_MANY, GUESSED_DERIVED, DERIVED, WITH, ALIAS, LIST = range(47, 54)
SETS, COUNT, DEPTH = "[43:47]", "[54:59]", "[59:63]"
EARLIER_ALIAS = 63
ALL = (1 << 64) - 1


def bits(*positions: int) -> int:
    """These bits set."""
    return sum(1 << position for position in positions)


def span(field: str) -> int:
    """All bits of a counter like `[54:59]` set."""
    low, high = (int(part) for part in field.strip("[]").split(":"))
    return bits(*range(low, high))


PLACES: dict[str, str] = {
    "MF": hex(bits(MANY, DERIVED_FIRST)),
    "F": str(DERIVED_FIRST),
    "MDD": hex(bits(MANY, GUESSED_DERIVED)),
    "OMD": hex(bits(OUTER_MANY, DERIVED)),
    "KNOW": hex(
        ALL & ~bits(MANY, GUESSED_DERIVED, DERIVED_FIRST, LIST)
    ),  # FROM: what was guessed gives way to what is there
    "ENTER": hex(
        ALL & ~(bits(MANY, GUESSED_DERIVED, DERIVED_FIRST, ALIAS, EARLIER_ALIAS) | span(COUNT) | span(SETS))
    ),  # a subquery starts afresh
    "FORGET": hex(bits(OUTER_MANY, DERIVED, WITH) | span(DEPTH)),
    "NEXT": hex(bits(OUTER_MANY, WITH, EARLIER_ALIAS) | span(DEPTH) | span(SETS)),  # the next SELECT of a set operation
    "L": str(LIST),
    "SETS": SETS,
    "COUNT": COUNT,
    "DEPTH": DEPTH,
    "WITHMASK": hex(bits(WITH)),
    "WITH": str(WITH),
    "OM": str(OUTER_MANY),
    "DD": str(GUESSED_DERIVED),
    "M": str(MANY),
    "D": str(DERIVED),
    "A": str(ALIAS),
    "B": str(EARLIER_ALIAS),
}


def table_bit(index: int) -> int:
    """The bit of the index-th table."""
    return index % TABLE_BITS
