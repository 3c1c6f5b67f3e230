"""Every name means something that is stored, or the message says what there is.

Tables are a fence: what the asker may not read is not there. Columns are bound by sqlglot (`query/bind`).
"""

import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context, Table
from sql_tools.query.bind import bind
from sql_tools.query.identifiers import nearest, same
from sql_tools.query.tables import names_cte, tables_meant

MAX_LISTED = 20
ASKERS = frozenset(  # written like columns, these are no columns: an engine tells with them who asks, and from where
    """user current_user session_user system_user current_role current_available_roles current_secondary_roles current_catalog
    current_database current_schema current_schemas current_account current_organization_name current_region
    current_session current_statement current_transaction current_warehouse current_client current_ip_address
    current_version invoker_role invoker_share is_role_in_session last_query_id last_transaction
    sysdate prior connect_by_root file_url relative_path scoped_file_url""".split()
)
Known = dict[int, list[str] | None]  # by a scope's id, its columns: a CTE that many read is looked at once


def known_tables(tree: exp.Expr, context: Context) -> str:
    """Each table named is in the catalog or is a CTE."""
    names = []
    for table in tree.find_all(exp.Table):  # not only those of the scopes: some subqueries are in none
        if isinstance(table.this, exp.Identifier) and not names_cte(table, context.dialect):
            names.append(stored_table(table, context).name)
    return "all in the schema: " + ", ".join(sorted(set(names))) if names else "no tables"


def no_words_of_the_session(tree: exp.Expr, context: Context) -> str:
    """No name that is no column tells of the asker, the session or a file: `SELECT user`, `METADATA$FILENAME`."""
    odd = [c for c in tree.find_all(exp.Column) if not c.table and (c.name.casefold() in ASKERS or "$" in c.name)]
    if odd:
        named = {e.alias_or_name.casefold() for e in tree.find_all(exp.Alias, exp.TableAlias)}
        named |= {c.name.casefold() for alias in tree.find_all(exp.TableAlias) for c in alias.columns}
        tables = [t for node in tree.find_all(exp.Table) for t in tables_meant(node, context.catalog)]
        named |= {column.name.casefold() for table in tables for column in table.columns}
        for column in odd:
            if column.name.casefold() not in named:
                told = _worded(tree, context, column.name)[0] or f"There is no column {column.name} here."
                raise InvalidSQLError(told, rule="no_words_of_the_session")
    return "no such word"


def known_columns(tree: exp.Expr, context: Context) -> str:
    """Each column is one of a table in its reach; InvalidSQLError says what those have."""
    bound = bind(tree, context)
    if position := re.fullmatch(r"Unknown output column: (\d+)\.?", bound.problem):
        told = f"Position {position[1]} in GROUP BY or ORDER BY names no output column of its SELECT."
        raise InvalidSQLError(told, "Name the column.", rule="known_columns")
    if bound.problem:
        what = f"There is no column {bound.name} here." if bound.name else f"{bound.problem}."
        words, several = _worded(tree, context, bound.name)
        is_there = any(same(bound.name, column.name) for table in context.catalog for column in table.columns)
        rule = "ambiguous_columns" if several else "known_columns"
        raise InvalidSQLError(words or what, rule=rule, absent=bool(bound.name) and not is_there)
    return "all bound"


def stored_table(table: exp.Table, context: Context) -> Table:
    """The one table of the catalog that FROM names; InvalidSQLError where there is none, or there are several."""
    hits = tables_meant(table, context.catalog)
    if len(hits) == 1:
        return hits[0]
    if hits:
        schemas = ", ".join(sorted(".".join(t.path[:-1]) or t.schema_name for t in hits))
        raise InvalidSQLError(f"Table {table.name} is in several schemas ({schemas}): name one.", rule="known_tables")
    names = [t.name for t in context.catalog]
    listed = ", ".join(names if len(names) <= MAX_LISTED else nearest(table.name, names) or names[:MAX_LISTED])
    written = ".".join(part.name for part in table.parts)
    told = f"There is no table {written}; there are {listed}."
    raise InvalidSQLError(told, rule="known_tables", absent=True)


def _worded(tree: exp.Expr, context: Context, name: str) -> tuple[str, bool]:
    """What is wrong with a name and what exists instead, "" where the name cannot be found again; and whether it exists more
    than once."""
    for column, reach in unknown_columns(tree, context):
        if not name or same(column.name, name) or same(column.table, name):
            several = not column.table and len(reach.homes(column.name)) > 1
            return f"{reach.problem(column)}. {reach.what_exists(column.name)}", several
    return "", False


def unknown_columns(tree: exp.Expr, context: Context) -> Iterator[tuple[exp.Column, "Reach"]]:
    """The columns that no table in their reach has, or several have, with what is in reach. Empty where it cannot be told."""
    known: Known = {}
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return
    for scope in scopes:
        reach = Reach(scope, context, known)
        for column in list(scope.find_all(exp.Column)):
            if not isinstance(column.this, exp.Star) and reach.is_unknown(column):
                yield column, reach


class Reach:
    """What a scope's columns may mean: the columns of its sources by alias, and of the queries around it."""

    def __init__(self, scope: Scope, context: Context, known: Known) -> None:
        self.scope, self.context = scope, context
        self.sources = self._columns(scope, known)
        self.outer: dict[str, list[str] | None] = {}
        around = scope.parent
        while around is not None:
            self.outer = self._columns(around, known) | self.outer
            around = around.parent
        self.aliases = [e.alias for e in getattr(scope.expression, "selects", []) if isinstance(e, exp.Alias)]

    def _columns(self, scope: Scope, known: Known) -> dict[str, list[str] | None]:
        found = {n: columns_of(source, self.context, known) for n, (_, source) in scope.selected_sources.items()}
        for join in getattr(scope.expression, "args", {}).get("joins") or []:  # SEMI and ANTI are no sources of a scope
            if join.kind in ("SEMI", "ANTI") and isinstance(join.this, exp.Table):
                found.setdefault(join.this.alias_or_name, columns_of(join.this, self.context, known))
        return found

    def is_unknown(self, column: exp.Column) -> bool:
        """Does it mean nothing, or several things? False where something in reach is not known."""
        if column.table:
            source = self.source(column.table)
            columns = (self.sources | self.outer).get(source) if source else None
            return source is None if columns is None else match(column.name, columns) is None
        if None in (*self.sources.values(), *self.outer.values()):
            return False
        homes = self.homes(column.name)
        if any(same(column.name, alias) for alias in self.aliases) and len(homes) < 1:
            return False
        return len(homes) > 1 if homes else not any(match(column.name, c or []) for c in self.outer.values())

    def source(self, written: str) -> str | None:
        """The alias in reach that a column's table names."""
        return next((name for name in (*self.sources, *self.outer) if same(written, name)), None)

    def homes(self, name: str) -> list[tuple[str, str]]:
        """(alias, stored name) of each source of this scope that has such a column."""
        found = ((source, match(name, columns)) for source, columns in self.sources.items() if columns is not None)
        return [(source, stored) for source, stored in found if stored]

    def problem(self, column: exp.Column) -> str:
        """What is wrong with it, in words."""
        if column.table and self.source(column.table) is None and self.homes(column.table):
            return f"{column.table} has no field {column.name}"
        if column.table and self.source(column.table) is None:
            return f"{column.table} is not a table or alias in FROM"
        if column.table:
            return f"{column.table} has no column {column.name}"
        homes = [home for home, _ in self.homes(column.name)]
        return (
            f"{column.name} is in {' and in '.join(homes)}: say which"
            if homes
            else f"There is no column {column.name} here"
        )

    def what_exists(self, name: str) -> str:
        """The columns of the sources in FROM, and other tables that have one of this name."""
        lines = [f"{source} has {', '.join(columns)}" for source, columns in self.sources.items() if source and columns]
        elsewhere = [t.name for t in self.context.catalog if any(same(name, c.name) for c in t.columns)]
        if elsewhere:
            lines.append(f"{name} is a column of {', '.join(elsewhere[:5])}: join it")
        return ". ".join(lines) + "." if lines else ""

    def table_name(self, source: str) -> str:
        """The stored name behind an alias of this scope or of one around it; "" for a subquery or CTE."""
        scope: Scope | None = self.scope
        while scope is not None:
            if source in scope.selected_sources:
                behind = scope.selected_sources[source][1]
                return behind.name if isinstance(behind, exp.Table) else ""
            scope = scope.parent
        return ""

    def node(self, source: str) -> exp.Table | None:
        """The stored table that an alias of this scope stands for; None for a subquery or CTE."""
        node, behind = self.scope.selected_sources.get(source, (None, None))
        return behind if isinstance(behind, exp.Table) and isinstance(node, exp.Table) else None


def columns_of(source: exp.Expr | Scope, context: Context, known: Known) -> list[str] | None:
    """The column names of a table, subquery or CTE; None when they cannot be known (UNNEST, PIVOT, a star over unknowns)."""
    if isinstance(source, Scope):
        if id(source) not in known:
            known[id(source)] = _output_of(source, context, known)
        return known[id(source)]
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier) or source.args.get("pivots"):
        return None
    alias = source.args.get("alias")
    renamed = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    meant = tables_meant(source, context.catalog)
    return renamed or ([c.name for c in meant[0].columns] if len(meant) == 1 else None)


def _output_of(scope: Scope, context: Context, known: Known) -> list[str] | None:
    if scope.is_udtf or not isinstance(scope.expression, exp.Query):
        return None
    names: list[str] = []
    for select in scope.expression.selects:
        if not select.is_star:
            names.append(select.alias_or_name or select.sql())
            continue
        wanted = select.table if isinstance(select, exp.Column) else ""
        inner = scope.set_operation_scopes[0] if scope.set_operation_scopes else scope
        for name, (_, source) in inner.selected_sources.items():
            if not wanted or same(wanted, name):
                columns = columns_of(source, context, known)
                if columns is None:
                    return None
                names += columns
    return list(scope.outer_columns) or _named_by_cte(scope.expression) or names


def _named_by_cte(query: exp.Expr) -> list[str]:
    """The column names that a CTE gives to the query it begins with: what it reads of itself in a recursion."""
    while isinstance(query.parent, exp.SetOperation):
        query = query.parent
    cte = query.parent
    return [column.name for column in cte.args["alias"].columns] if isinstance(cte, exp.CTE) else []


def match(name: str, columns: list[str]) -> str | None:
    """The stored column that a name means, in any case; the one written so first."""
    return name if name in columns else next((column for column in columns if same(name, column)), None)
