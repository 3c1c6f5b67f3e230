"""What the 64 bits of a rule's parameter mean, and the names `select.lark` calls them by.

Bits 0 to 43 say which tables are in scope (tables beyond 44 share bits, so a column may then slip in with its
bit's other table); the rest are flags and three counters that keep lists, set operations and nesting finite.
"""

TABLE_BITS = 44
OUTER_MANY, DERIVED, WITH, CTES, ALIAS, LIST = range(44, 50)
SETS, COUNT, DEPTH = "[50:54]", "[54:59]", "[59:63]"
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
    "OMD": hex(bits(OUTER_MANY, DERIVED)),
    "ENTER": hex(ALL & ~(bits(ALIAS, EARLIER_ALIAS) | span(COUNT) | span(SETS))),  # a subquery starts afresh
    "FORGET": hex(bits(OUTER_MANY, DERIVED, WITH, CTES) | span(DEPTH)),
    # the next SELECT of a set operation
    "NEXT": hex(bits(OUTER_MANY, WITH, CTES, EARLIER_ALIAS) | span(DEPTH) | span(SETS)),
    "L": str(LIST),
    "SETS": SETS,
    "COUNT": COUNT,
    "DEPTH": DEPTH,
    "WITHMASK": hex(bits(WITH, CTES)),
    "WITH": str(WITH),
    "CTES": str(CTES),
    "OM": str(OUTER_MANY),
    "D": str(DERIVED),
    "A": str(ALIAS),
    "B": str(EARLIER_ALIAS),
}


def table_bit(index: int) -> int:
    """The bit of the index-th table."""
    return index % TABLE_BITS
