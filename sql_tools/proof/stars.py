"""The columns of FROM as a query sees them: what a star stands for, and the columns that USING and NATURAL merge."""

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from sql_tools.models import SourceColumn
from sql_tools.query.identifiers import same

Sources = dict[SourceColumn, None]  # a set that keeps its order
Columns = list[tuple[str, Sources]]
Opened = tuple[str, str, Sources]  # alias, name and sources of one column


def opened(wanted: str, sources: Sequence[tuple[str, Columns]], merged: Mapping[str, Sources]) -> Iterator[Opened]:
    """The columns of one source, or of all if none is `wanted`; one that is merged comes once, where it is first."""
    told: set[str] = set()
    for alias, columns in sources:
        if wanted and not same(wanted, alias):
            continue
        for name, made_of in columns:
            key = name.casefold()
            if key not in merged:
                yield alias, name, made_of
            elif key not in told:
                told.add(key)
                yield alias, name, merged[key]


def starred(star: exp.Expr, columns: Iterator[Opened]) -> Iterator[tuple[str, Sources, str | exp.Expr]]:
    """Name, sources and SQL of what comes out: EXCLUDE leaves out, RENAME renames, REPLACE puts SQL of its own."""
    clause = star.this if isinstance(star, exp.Column) else star
    left_out = {column.name.casefold() for column in clause.args.get("except_") or []}
    put = {alias.alias.casefold(): alias.this for alias in clause.args.get("replace") or []}
    renamed = {alias.this.name.casefold(): alias.alias for alias in clause.args.get("rename") or []}
    for alias, name, sources in columns:
        key = name.casefold()
        if key not in left_out:
            written = f"{alias}.{name}" if alias else name
            yield renamed.get(key, name), sources, put.get(key, written)


def merged(joined: Sequence[tuple[exp.Join | None, Columns]]) -> dict[str, Sources]:
    """Folded name -> sources, of the columns that joins with USING or NATURAL make one of.

    A value is the left side's, of RIGHT JOIN the right's, of FULL JOIN whichever is there.
    """
    found: dict[str, Sources] = {}
    before: dict[str, Sources] = {}
    for join, columns in joined:
        own = {name.casefold(): sources for name, sources in columns}
        for name in _shared(join, before, own):
            left, right = found.get(name, before.get(name, {})), own.get(name, {})
            side = join.side.upper() if join is not None else ""
            found[name] = right if side == "RIGHT" else {**left, **right} if side == "FULL" else left
        before = {**own, **before}
    return found


def _shared(join: exp.Join | None, before: Mapping[str, Sources], own: Mapping[str, Sources]) -> list[str]:
    if join is None:
        return []
    if join.method.upper() == "NATURAL":
        return [name for name in own if name in before]
    return [column.name.casefold() for column in join.args.get("using") or []]
