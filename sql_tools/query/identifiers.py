"""Names: when a stored one must be quoted in SQL, and which stored one a written one means."""

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
EXTRA_RESERVED = frozenset(
    """all and any as asc between by case cast check collate column constraint create cross current_date current_time
    current_timestamp default desc describe distinct do else end except exists false fetch for foreign from full
    grant group having if in initially inner intersect into is join lateral leading left like limit natural not null
    offset on only or order outer over pivot placing primary qualify references returning right row rows sample
    select show some start summarize symmetric table tablesample then to trailing true union unique unpivot using
    values variadic when where window with""".split()
)
DUCKDB_RESERVED = EXTRA_RESERVED | frozenset(
    """analyse analyze anti array asof asymmetric at authorization binary both collation concurrently deferrable freeze
    glob ilike isnull lambda notnull overlaps pivot_longer pivot_wider positional semi similar unpack verbose""".split()
)


def reserved(dialect: str) -> frozenset[str]:
    """The words that an engine, in lower case, takes for its own where a name could stand."""
    return DUCKDB_RESERVED if dialect == "duckdb" else EXTRA_RESERVED


@lru_cache(maxsize=100_000)
def needs_quotes(name: str, dialect: str) -> bool:
    """Must this stored name be quoted to mean itself in `dialect`?"""
    if not PLAIN.match(name) or name.lower() in reserved(dialect):
        return True
    return dialect == "snowflake" and name != name.upper()


def identifier(name: str, dialect: str) -> exp.Identifier:
    """The stored name as SQL, quoted only where it has to be."""
    return exp.to_identifier(name, quoted=needs_quotes(name, dialect))


def quote(parts: Iterable[str], dialect: str) -> str:
    """A dotted SQL name for stored parts, e.g. `sales."order"`."""
    writer = Dialect.get_or_raise(dialect)
    return ".".join(writer.generate(identifier(part, dialect)) for part in parts)


def folded(tree: exp.Expr, dialect: str) -> exp.Expr:
    """The tree with its unquoted names in the case the engine gives them: upper on Snowflake, as written elsewhere, but
    each CTE named as it is where it is made.

    So an alias `o` and `O.ID` are one name, which is then never quoted in lower case; quoted names stay.
    """
    tree = normalize_identifiers(tree, dialect=dialect) if dialect == "snowflake" else tree
    named = {cte.alias.lower(): cte.args["alias"].this for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table) if named else ():
        cte = named.get(table.name.lower()) if isinstance(table.this, exp.Identifier) and not table.db else None
        if cte is not None and (dialect == "duckdb" or not (cte.quoted or table.this.quoted)):
            table.set("this", cte.copy())
    return tree


def same(written: str, stored: str) -> bool:
    """Do the two name the same thing? Case is ignored, as DuckDB does and as people expect."""
    return written.casefold() == stored.casefold()


def nearest(written: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The stored names most like a written one, best first; may be empty."""
    folded = {name.casefold(): name for name in names}
    hits = difflib.get_close_matches(written.casefold(), folded, n=count, cutoff=0.6)
    return [folded[hit] for hit in hits]
