"""What the 64 bits of a rule's parameter mean, and the names `select.lark` calls them by.

Three counters keep lists, set operations and nesting finite, a few flags tell what a rule may name besides tables' columns.
The rest goes to the tables, in the first of these ways that has room:

- three bits a table: FROM names it by its own name, or by an alias; the SELECT list needs it. One for the whole list says
  that it goes by aliases, one by names, so that what stands before a dot is what FROM calls the table. Up to six tables.
- two bits a table: FROM names it; the list needs it. Up to about ten.
- one bit a table ("loose"): only what follows FROM is held to it, the list may name any table's column.

In the first two, a name that several tables have gets a bit of its own, "one of these is needed", and what is left is a
stack of the brackets that are open in the list (`stack.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sql_tools.grammar.stack import ALWAYS, FRAME, NEVER, Stack, joined

ALL = (1 << 64) - 1
SETS, COUNT, DEPTH = "[0:4]", "[4:9]", "[9:12]"
DERIVED, CTES, ALIAS, EARLIER_ALIAS = range(12, 16)
NEED_DERIVED, NEED_ALIAS, REAL_OUTPUT, BY_ALIAS, BY_NAME = range(16, 21)
ON_DUE, OUTER_MANY = 16, 17  # loose
FIRST = 21
TABLE_BITS = 64 - FIRST
ABSENT = "absent"  # a flag this layout has no bit for: it is never set
LEVELS = 4  # brackets in the SELECT list: Spider's have one, Snowflake's and defog's golds hardly ever more than four
UNSURE = 1  # names of two tables without a bit of their own: each is followed as the one's, the other's and both's
SOURCES, MOST_SOURCES = 16, 31  # in one FROM; beyond the first number, only those that the list needs


def bits(*positions: int) -> int:
    """These bits set."""
    return sum(1 << position for position in set(positions))


def span(part: str) -> int:
    """All bits of a counter like `[3:9]` set."""
    low, high = (int(number) for number in part.strip("[]").split(":"))
    return bits(*range(low, high))


def any_set(positions: Iterable[int]) -> str:
    """The condition that one of these is set."""
    return joined("or", [f"bit_set({position})" for position in dict.fromkeys(positions)])


def all_clear(positions: Iterable[int]) -> str:
    """The condition that none of these is set."""
    return joined("and", [f"bit_clear({position})" for position in dict.fromkeys(positions)])


@dataclass(frozen=True)
class Layout:
    """Where each table's bits are."""

    own: tuple[int, ...]  # FROM names the table by its own name
    alias: tuple[int, ...]  # FROM names it by an alias
    need: tuple[int, ...] = ()  # the SELECT list needs it; empty: the list is not held to FROM
    shared: tuple[tuple[frozenset[int], int], ...] = ()  # tables with a name in common, and the bit of its need
    alone: tuple[bool, ...] = ()  # whether the table has names without such a bit
    common: tuple[frozenset[int], ...] = ()  # all tables with a name in common; those with a bit come first
    stack: Stack = field(default_factory=lambda: Stack(0, 0))

    @property
    def exact(self) -> bool:
        """Whether FROM has to name what the SELECT list names."""
        return bool(self.need)

    @property
    def beside(self) -> tuple[int, ...]:
        """The table is in this FROM, after its last comma: bits that are the stack's before."""
        return tuple(range(self.stack.first + 1, self.stack.first + 1 + len(self.own))) if self.exact else ()

    @property
    def hides(self) -> bool:
        """Whether a table's own name and its alias are told apart."""
        return self.exact and self.own != self.alias


def layout(columns: Sequence[Sequence[str]]) -> Layout:
    """The layout for tables with these columns (names as they compare)."""
    holders = holders_of(columns)
    shared = sorted({h for h in holders.values() if len(h) > 1}, key=lambda h: (-len(h), sorted(h)))
    count = len(columns)
    for each, first in ((3, FIRST), (2, BY_ALIAS)):
        room = 64 - first - each * count - 1 - LEVELS * FRAME
        fitting, rest = shared[: max(0, room)], shared[max(0, room) :]
        if room >= 0 and len(rest) <= UNSURE and all(len(held) == 2 for held in rest):
            named = {name for name, held in holders.items() if held in fitting}
            at = [tuple(range(first + part * count, first + (part + 1) * count)) for part in range(each)]
            after = first + each * count
            together = tuple((held, after + i) for i, held in enumerate(fitting))
            alone = tuple(any(name not in named for name in names) for names in columns)
            stack = Stack(after + len(together), LEVELS)
            return Layout(at[0], at[-2], at[-1], together, alone, tuple(shared), stack)
    return loose(count)


def loose(count: int) -> Layout:
    """The layout for this many tables whose columns the SELECT list may all name."""
    at = tuple(FIRST + index % TABLE_BITS for index in range(count))
    return Layout(own=at, alias=at)


def holders_of(columns: Sequence[Sequence[str]]) -> dict[str, frozenset[int]]:
    """The tables that have a column of each name."""
    found: dict[str, set[int]] = defaultdict(set)
    for index, names in enumerate(columns):
        for name in names:
            found[name].add(index)
    return {name: frozenset(tables) for name, tables in found.items()}


def places(where: Layout, dialect: str) -> dict[str, str]:
    """What `$X` of the template stands for: bits, masks and conditions that are the same for all tables."""
    needs = bits(*where.need, *(bit for _, bit in where.shared))
    flags = bits(NEED_DERIVED, NEED_ALIAS, REAL_OUTPUT) if where.exact else bits(ON_DUE)
    flags |= bits(BY_ALIAS, BY_NAME) if where.hides else 0
    in_list = needs | flags | where.stack.mask | span(COUNT)
    scope = bits(*where.own, *where.alias, DERIVED)
    unmet = [NEED_DERIVED, NEED_ALIAS, *where.need, *(bit for _, bit in where.shared)] if where.exact else []
    met = [f"is_zeros({_slice(bits(NEED_DERIVED, NEED_ALIAS))})", f"is_zeros({_slice(needs)})"] if where.exact else []
    return {
        "SETS": SETS,
        "COUNT": COUNT,
        "FEW": f"lt({COUNT}, {SOURCES})",
        "DEPTH": DEPTH,
        "D": str(DERIVED),
        "CTES": str(CTES),
        "CTESMASK": hex(bits(CTES)),
        "A": str(ALIAS),
        "B": str(EARLIER_ALIAS),
        "ND": str(NEED_DERIVED),
        "NS": str(NEED_ALIAS),
        "U": str(REAL_OUTPUT) if where.exact else ABSENT,
        "NA": str(BY_ALIAS) if where.hides else ABSENT,
        "NB": str(BY_NAME) if where.hides else ABSENT,
        "J": str(where.stack.first if where.exact else ON_DUE),  # the stack is free again in FROM
        "OM": str(OUTER_MANY),
        "OMD": hex(bits(OUTER_MANY, DERIVED)),
        # a subquery starts afresh; in the list, without what the list needs; as a source, in Snowflake without its neighbours
        "ENTER": _kept(bits(ALIAS, EARLIER_ALIAS) | span(COUNT) | span(SETS) | where.stack.mask),
        "INNER": _kept(in_list | bits(ALIAS, EARLIER_ALIAS)),
        "APART": _kept(in_list | bits(ALIAS, EARLIER_ALIAS) | (0 if dialect == "duckdb" else scope)),
        "FORGET": hex(bits(OUTER_MANY, DERIVED, CTES) | span(DEPTH)),
        "NEXT": hex((0 if where.exact else bits(OUTER_MANY)) | bits(CTES, EARLIER_ALIAS) | span(DEPTH) | span(SETS)),
        "FROM": _kept(where.stack.mask | span(COUNT)),
        "UNTESTED": _kept(bits(where.stack.first)),
        "KEPT": _kept(in_list | bits(ALIAS)),
        "JOINED": _kept((in_list | bits(ALIAS)) & ~bits(*where.beside)),
        "ALONE": _kept(bits(*where.beside)),
        "TAIL": _kept(in_list),
        "MET_GIVEN": _kept(needs | bits(NEED_DERIVED, NEED_ALIAS)) if where.exact else _kept(0),
        "MET_NAME": _kept(bits(NEED_DERIVED, NEED_ALIAS)),
        "MET": joined("and", met),
        "MORE": f"or(lt({COUNT}, {SOURCES}), and(lt({COUNT}, {MOST_SOURCES}), not({joined('and', met)})))",
        "GIVE": any_set(unmet),
        "UNALIASED": f"not({joined('and', [f'bit_set({bit})' for bit in where.alias])})",
        "FREE": f"or(bit_set({CTES}), {all_clear(unmet)})" if unmet else ALWAYS,
        "REAL": f"and(bit_clear({CTES}), {any_set(unmet)})",
    }


def of_table(where: Layout, index: int) -> dict[str, str]:
    """What `$X@` stands for, of one table: S and B are its bits in scope, NO is that of the list's need
    (not there where each of its names has a bit of its own)."""
    own, alias = where.own[index], where.alias[index]
    found = {"S": str(alias), "B": str(own), "NAMED": f"bit_set({own})", "ALIASED": f"bit_set({alias})"}
    if not where.exact:
        seen = joined("or", [f"bit_set({own})", f"bit_set({OUTER_MANY})"])
        return (
            found
            | dict.fromkeys(("SEEN", "NAMED", "ALIASED"), seen)
            | {
                **dict.fromkeys(("MET", "MET_ALIAS", "MET_STAR"), _kept(0)),
                **dict.fromkeys(("WANTED", "WANTED_ALIAS"), NEVER),
            }
        )
    need, shared = where.need[index], [bit for held, bit in where.shared if index in held]
    return found | {
        **({"NO": str(need)} if where.alone[index] else {}),
        "NA": hex(bits(need, BY_ALIAS) if where.hides else bits(need)),
        "NB": hex(bits(need, BY_NAME) if where.hides else bits(need)),
        "SF": hex(bits(alias, where.beside[index])),
        "BF": hex(bits(own, where.beside[index])),
        "SEEN": any_set((own, alias)),
        "UNSEEN": all_clear((own, alias)),
        "UNNAMED": all_clear((own,)),
        "UNALIASED": all_clear((alias,)),
        "WANTED": any_set((need, *shared)),
        "KEYED": joined("or", [one["ELSEWHERE"] for _, one in in_common(where, index)]),
        "WANTED_ALIAS": any_set((NEED_ALIAS, need, *shared)),
        "MET": _kept(bits(need, *shared)),
        "MET_ALIAS": _kept(bits(NEED_ALIAS, need, *shared)),
        "MET_STAR": _kept(bits(NEED_ALIAS)),
    }


def in_common(where: Layout, index: int) -> list[tuple[int, dict[str, str]]]:
    """What `$X+` stands for, of each name the table has in common with others: that FROM named one of them."""
    found = []
    for number, held in enumerate(where.common):
        if index in held:
            found.append((number, {"ELSEWHERE": any_set([where.beside[other] for other in sorted(held - {index})])}))
    return found


def of_shared(where: Layout, index: int) -> dict[str, str]:
    """What `$X&` stands for, of one name that many tables have."""
    held, bit = where.shared[index]
    return {
        "NW": str(bit),
        "NV": hex(bits(bit, BY_ALIAS) if where.hides else bits(bit)),
        "UNSEEN": all_clear([bit for t in sorted(held) for bit in (where.own[t], where.alias[t])]),
        "UNALIASED": all_clear([where.alias[t] for t in sorted(held)]),
    }


def _kept(mask: int) -> str:
    """The mask of all bits but these."""
    return hex(ALL & ~mask)


def _slice(mask: int) -> str:
    """From the first of these bits to the last."""
    return f"[{(mask & -mask).bit_length() - 1}:{mask.bit_length()}]"
