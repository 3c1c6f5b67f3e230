"""Names that mean nothing as they are written, and one thing only otherwise.

Acts on a draft that does not bind: a column under the wrong alias, a table's name beside its alias, a name that differs by a
plural or an underscore, a text in double quotes, a table outside the default schema. Must never touch a name that binds, nor
choose between two readings.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from sql_tools.models import Change, Context, Table
from sql_tools.query.conditions import parts_of
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.tables import names_cte, tables_meant
from sql_tools.rules.names import Reach, unknown_columns
from sql_tools.words import singular, words_of


def table_names(tree: exp.Expr, context: Context) -> list[Change]:
    """A table that is not there is read as the only one whose name differs by plurals and underscores; and each table is
    named by the path and the letters that its engine needs."""
    changes = []
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier) or names_cte(node, context.dialect):
            continue
        meant = tables_meant(node, context.catalog) or _alike(node, context)
        if len(meant) == 1 and not _is_named_so(node, meant[0], context.dialect):
            before = ".".join(part.sql(context.dialect) for part in node.parts)
            _rename(node, meant[0], context.dialect)
            after = ".".join(part.sql(context.dialect) for part in node.parts)
            why = f"there is no table {before} to be read without more; the only one like it is {after}"
            changes.append(Change(rule="table_names", before=before, after=after, why=why))
    return changes


def are_found(tree: exp.Expr, context: Context) -> bool:
    """Does the engine find each table under its name as written, and, on Snowflake, each quoted column?"""
    nodes = [
        n for n in tree.find_all(exp.Table) if isinstance(n.this, exp.Identifier) and not names_cte(n, context.dialect)
    ]
    meant = [(node, tables_meant(node, context.catalog)) for node in nodes]
    return all(len(tables) == 1 and _is_named_so(node, tables[0], context.dialect) for node, tables in meant)


def column_names(tree: exp.Expr, context: Context) -> list[Change]:
    """Each column that means nothing is read as the one it can only mean."""
    changes = []
    for column, reach in list(unknown_columns(tree, context)):
        before, found = column.sql(context.dialect), _only_reading(column, reach)
        if found is None:
            continue
        after, why = found
        if _compares_itself(column, after):
            continue
        column.replace(after)
        changes.append(Change(rule="column_names", before=before, after=after.sql(context.dialect), why=why))
    return changes


def spelt_as_stored(tree: exp.Expr, context: Context) -> list[Change]:
    """On Snowflake a quoted name in other letters than the stored one means nothing: it is written as stored."""
    changes: list[Change] = []
    if context.dialect != "snowflake":
        return changes
    tables = [t for node in tree.find_all(exp.Table) for t in tables_meant(node, context.catalog)]
    stored = {c.name for table in tables for c in table.columns}
    for column in tree.find_all(exp.Column):
        meant = {name for name in stored if same(name, column.name)}
        if isinstance(column.this, exp.Identifier) and column.name not in stored and len(meant) == 1:
            before = column.sql(context.dialect)
            column.set("this", identifier(meant.pop(), context.dialect))
            why = "quoted names are told apart by their letters' case, and this is the stored one"
            changes.append(Change(rule="spelt_as_stored", before=before, after=column.sql(context.dialect), why=why))
    return changes


def _alike(node: exp.Table, context: Context) -> tuple[Table, ...]:
    """The tables whose names are the written one's but for plurals, case and underscores."""
    if node.this.quoted or node.db:
        return ()
    return tuple(
        t for t in context.catalog if words_of(t.name) == words_of(node.name) or _bare(t.name) == _bare(node.name)
    )


def _is_named_so(node: exp.Table, stored: Table, dialect: str) -> bool:
    """Does the engine find this table under the name as written?"""
    written = [part.name for part in node.parts]
    full = [stored.database, stored.schema_name, stored.name]
    enough = len(written) >= len(stored.path)
    equal = all(
        a == b if dialect == "snowflake" else same(a, b)
        for a, b in zip(reversed(written), reversed(full), strict=False)
    )
    return enough and equal


def _rename(node: exp.Table, stored: Table, dialect: str) -> None:
    if not node.alias and node.name != stored.name:
        alias = node.args.get("alias") or exp.TableAlias()
        alias.set("this", node.this.copy())
        node.set("alias", alias)  # columns go on naming it as they do
    for key, part in zip(("this", "db", "catalog"), reversed(stored.path), strict=False):
        node.set(key, identifier(part, dialect))


def _only_reading(column: exp.Column, reach: Reach) -> tuple[exp.Expr, str] | None:
    """What a column can only mean, and why; None where that is several things, or nothing."""
    dialect, problem = reach.context.dialect, reach.problem(column)
    homes = reach.homes(column.name)
    if not column.table and len(homes) > 1:
        equal = _equal_homes(column, reach)
        return (_column(equal, dialect), f"{problem}, and its join makes them equal") if equal else None
    if column.table and reach.source(column.table) is None:
        behind = [
            name for name in reach.sources if (node := reach.node(name)) is not None and same(node.name, column.table)
        ]
        if len(behind) == 1 and any(home[0] == behind[0] for home in homes):
            stored = next(stored for source, stored in homes if source == behind[0])
            return _column((behind[0], stored), dialect), f"{column.table} is called {behind[0]} here"
    named = reach.source(column.table) if column.table else None
    if named is not None:  # under its own alias first; one of the query around it is not moved in here
        near = [near for near in _nearly(column, reach, reach.outer | reach.sources) if near[0] == named]
        if near or named not in reach.sources:
            what = f"{problem}; the only name like it is {near[0][1]}" if near else ""
            return (_column(near[0], dialect), what) if len(near) == 1 else None
    if len(homes) == 1:
        return _column(homes[0], dialect), f"{problem}; only {homes[0][0]} has it"
    near = list(_nearly(column, reach, reach.sources)) if not homes else []
    if len(near) == 1:
        return _column(
            near[0], dialect, qualified=bool(column.table)
        ), f"{problem}; the only name like it is {near[0][1]}"
    if not near and not column.table and column.this.quoted and dialect == "duckdb":
        return exp.Literal.string(column.name), f"{problem}, so this can only be a text"
    return None


def _column(home: tuple[str, str], dialect: str, *, qualified: bool = True) -> exp.Column:
    return exp.column(identifier(home[1], dialect), identifier(home[0], dialect) if qualified and home[0] else None)


def _equal_homes(column: exp.Column, reach: Reach) -> tuple[str, str] | None:
    """The first home of a name that several sources have, where inner joins equate them all."""
    select = reach.scope.expression
    homes = reach.homes(column.name)
    joins = select.args.get("joins") or [] if isinstance(select, exp.Select) else []
    if any(join.side or join.kind not in ("", "INNER") for join in joins):
        return None
    pairs = [
        {part.this.table.casefold(), part.expression.table.casefold()}
        for join in joins
        for part in parts_of(join.args.get("on"))
        if isinstance(part, exp.EQ)
        and isinstance(part.this, exp.Column)
        and isinstance(part.expression, exp.Column)
        and same(part.this.name, column.name)
        and same(part.expression.name, column.name)
    ]
    joined = {homes[0][0].casefold()}
    for _ in homes:
        joined |= {alias for pair in pairs if pair & joined for alias in pair}
    return homes[0] if {home[0].casefold() for home in homes} <= joined else None


def _nearly(column: exp.Column, reach: Reach, sources: Mapping[str, list[str] | None]) -> Iterator[tuple[str, str]]:
    """Columns whose name is the written one but for a plural, underscores or the table's name."""
    for source, columns in sources.items():
        for stored in columns or ():
            if nearly(column.name, stored, reach.table_name(source)):
                yield source, stored


def nearly(written: str, stored: str, table: str) -> bool:
    """Do the names differ only by a plural, by underscores, or by the table's name before one of them?

    >>> nearly("singerid", "singer_id", "singer"), nearly("name", "student_name", "students"), nearly("price", "unit_price", "sales")
    (True, True, False)
    """
    own, other, home = _bare(written), _bare(stored), _bare(table)
    return len(own) > 1 and (own == other or (bool(home) and (home + own == other or own == home + other)))


def _bare(name: str) -> str:
    """Letters and digits only, singular, no case: `order_ids` and `OrderID` are alike."""
    return singular("".join(c for c in name.casefold() if c.isalnum()))


def _compares_itself(column: exp.Column, after: exp.Expr) -> bool:
    """Would a comparison have the same column on both sides?"""
    around = column.parent
    if not isinstance(around, exp.Binary):
        return False
    other = around.expression if around.this is column else around.this
    return bool(other == after)
