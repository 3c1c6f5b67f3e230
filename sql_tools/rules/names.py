"""Every name is bound to the schema: tables first, then each column in its scope.

Small models mostly fail by putting a column on the wrong alias. Where exactly one table in scope has that column the
binding is certain, so it is mended here and said in the check; everything else goes back to the model with the names
that do exist.
"""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context, Table
from sql_tools.query.identifiers import identifier, nearest, same
from sql_tools.query.tables import tables_meant
from sql_tools.words import singular, words_of

Known = dict[int, list[str] | None]  # by a scope's id, its columns: a CTE that many read is looked at once
MAX_OUTPUTS = 20_000


def known_tables(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Each table named is in the catalog or is a CTE; its name is written as stored."""
    names = []
    notes = []
    _spell_ctes_alike(tree, context.dialect)
    ctes = {
        id(table)
        for scope in traverse_scope(tree)
        for table in scope.tables
        if not table.db and not table.catalog and table.name in scope.cte_sources
    }
    for table in list(tree.find_all(exp.Table)):  # not only those of the scopes: some subqueries are in none
        if not isinstance(table.this, exp.Identifier) or id(table) in ctes:
            continue
        stored = _find_table(table, context)
        if not same(stored.name, table.name):
            notes.append(f"there is no table {table.name}: read as {stored.name}")
        _rename_table(table, stored, context.dialect)
        names.append(stored.name)
    listed = "all in the schema: " + ", ".join(sorted(set(names))) if names else "no tables"
    return tree, "; ".join([*dict.fromkeys(notes), listed])


def _spell_ctes_alike(tree: exp.Expr, dialect: str) -> None:
    """`FROM old` means the CTE `Old`: written as the CTE is, since the scopes compare letter by letter."""
    named = {cte.alias.lower(): cte.args["alias"].this for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        cte = named.get(table.name.lower()) if isinstance(table.this, exp.Identifier) and not table.db else None
        if cte is not None and (dialect == "duckdb" or not (cte.quoted or table.this.quoted)):
            table.set("this", cte.copy())


def known_columns(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Each column is in a table of its scope; those on the wrong alias are moved where only one table has them."""
    notes: list[str] = []
    known: Known = {}
    for scope in traverse_scope(tree):
        bind = _Binder(scope, context, known)
        for column in list(scope.find_all(exp.Column)):
            bind.column(column)
        notes += bind.notes
    return tree, "; ".join(dict.fromkeys(notes)) or "all bound"


def no_column_equals_itself(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A join on `a.x = a.x` joins everything with everything: the other side's column does not exist."""
    for equal in tree.find_all(exp.EQ):
        if isinstance(equal.this, exp.Column) and equal.this == equal.expression and equal.find_ancestor(exp.Join):
            raise InvalidSQLError(
                f"The join condition {equal.sql(context.dialect)} compares a column with itself: only one of the two "
                f"tables has {equal.this.name}. Join on columns that both have, or leave the other table out.",
                rule="no_column_equals_itself",
            )
    return tree, "no column is compared with itself"


def _find_table(table: exp.Table, context: Context) -> Table:
    hits = tables_meant(table, context.catalog)
    if len(hits) == 1:
        return hits[0]
    if hits:
        schemas = ", ".join(sorted(".".join(t.path[:-1]) or t.schema_name for t in hits))
        raise InvalidSQLError(f"Table {table.name} is in several schemas ({schemas}): name one.", rule="known_tables")
    names = [t.name for t in context.catalog]
    alike = [t for t in context.catalog if _letters(t.name) == _letters(table.name)]
    if len(alike) == 1 and not table.this.quoted and not table.db:
        return alike[0]
    close = nearest(table.name, names)
    listed = ", ".join(names if len(names) <= 20 else close or names[:20])
    raise InvalidSQLError(f"There is no table {_written(table)}; there are {listed}.", rule="known_tables")


def _written(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts)


def _rename_table(table: exp.Table, stored: Table, dialect: str) -> None:
    if not table.alias and table.name != stored.path[-1] and table.parent_select is not None:
        table.set("alias", None)
    table.set("this", identifier(stored.path[-1], dialect))
    table.set("db", identifier(stored.path[-2], dialect) if len(stored.path) > 1 else None)
    table.set("catalog", identifier(stored.path[-3], dialect) if len(stored.path) > 2 else None)
    table.set("_stored", None)


class _Binder:
    """Binds the columns of one scope; `notes` says what was moved."""

    def __init__(self, scope: Scope, context: Context, known: Known) -> None:
        self.scope, self.context, self.known, self.notes = scope, context, known, list[str]()
        sources = scope.selected_sources.items()
        self.sources = {name: _columns_of(source, context, known) for name, (_, source) in sources}
        self.open = any(columns is None for columns in self.sources.values()) or bool(
            scope.expression.args.get("laterals")
        )
        named = [
            s.alias_or_name if isinstance(scope.expression, exp.SetOperation) else s.alias
            for s in getattr(scope.expression, "selects", [])
        ]
        self.aliases = [name for name in named if name]

    def column(self, column: exp.Column) -> None:
        if isinstance(column.this, exp.Star):
            self._source(column)
            return
        if column.table:
            self._qualified(column)
        else:
            self._bare(column)

    def _qualified(self, column: exp.Column) -> None:
        source = self._source(column)
        if source is None:
            return
        columns = self._lookup(source)
        if columns is None:
            return
        stored = _match(column.name, columns)
        if stored:
            self._bind(column, source, stored)
            return
        self._move(column, f"{source} has no column {column.name}")

    def _source(self, column: exp.Column) -> str | None:
        """The alias a qualified column means, renamed where the table's own name was used beside an alias."""
        written = column.table
        for name in (*self.sources, *self._outer()):
            if same(written, name):
                column.set("table", identifier(name, self.context.dialect))
                column.set("db", None)
                column.set("catalog", None)
                return name
        behind = [
            name
            for name, (node, source) in self.scope.selected_sources.items()
            if isinstance(source, exp.Table) and same(source.name, written)
        ]
        if len(behind) == 1:
            column.set("table", identifier(behind[0], self.context.dialect))
            column.set("db", None)
            self.notes.append(f"{written}.{column.name} read as {behind[0]}.{column.name}")
            return behind[0]
        if self.open:
            return None
        self._move(column, f"{written} is not a table or alias in FROM")
        return None

    def _bare(self, column: exp.Column) -> None:
        name = column.name
        homes = self._homes(name)
        if len(homes) == 1:
            self._bind(column, *homes[0], qualify=len(self._all_homes(name)) > 1)
        elif homes:
            self._settle_ambiguous(column, homes)
        elif any(same(name, alias) for alias in self.aliases) or self.open:
            return
        elif not self._in_outer(column) and not self._nearly(column):
            self._quoted_text_or_error(column)

    def _settle_ambiguous(self, column: exp.Column, homes: list[tuple[str, str]]) -> None:
        if any(join.args.get("using") for join in self.scope.expression.args.get("joins") or []):
            return
        in_order = isinstance(column.find_ancestor(exp.Order, exp.Select), exp.Order)
        if in_order and any(same(column.name, alias) for alias in self.aliases):
            return
        source, stored = homes[0]
        self._bind(column, source, stored)
        self.notes.append(f"{stored} is in {' and '.join(h for h, _ in homes)}; read as {source}.{stored}")

    def _move(self, column: exp.Column, problem: str) -> None:
        """Rebind to the one source in scope that has the column, or refuse with what exists."""
        homes = self._homes(column.name)
        if len(homes) == 1:
            source, stored = homes[0]
            self.notes.append(f"{problem}: {column.sql()} read as {source}.{stored}")
            self._bind(column, source, stored)
            return
        if self._nearly(column):
            return
        raise InvalidSQLError(f"{problem}. {self._what_exists(column.name)}", rule="known_columns")

    def _nearly(self, column: exp.Column) -> bool:
        """Read a name as the one column in scope that differs only by a prefix, a plural or underscores, or as the
        name of what a table lists (`city.city` is `city.name`)."""
        written = _bare(column.name)
        homes = [
            (source, stored)
            for source, columns in self.sources.items()
            for stored in columns or ()
            if nearly(column.name, stored) or self._names(source, stored, written)
        ]
        if len(homes) != 1:
            return False
        self.notes.append(f"there is no column {column.name}: read as {homes[0][0]}.{homes[0][1]}")
        self._bind(column, *homes[0], qualify=bool(column.table))
        return True

    def _names(self, source: str, stored: str, written: str) -> bool:
        node = self._node(source)
        return isinstance(node, exp.Table) and _bare(node.name) == written and _bare(stored) == "name"

    def _quoted_text_or_error(self, column: exp.Column) -> None:
        if column.this.quoted and self.context.dialect != "snowflake":
            self.notes.append(f'"{column.name}" is no column, read as text')
            column.replace(exp.Literal.string(column.name))
            return
        raise InvalidSQLError(
            f"There is no column {column.name} here. {self._what_exists(column.name)}", rule="known_columns"
        )

    def _homes(self, name: str) -> list[tuple[str, str]]:
        homes = self._all_homes(name)
        drafted = [home for home in homes if not self._was_added(home[0])]
        return drafted if len(drafted) == 1 else homes

    def _all_homes(self, name: str) -> list[tuple[str, str]]:
        found = ((source, _match(name, columns)) for source, columns in self.sources.items() if columns is not None)
        return [(source, stored) for source, stored in found if stored]

    def _was_added(self, source: str) -> bool:
        """Did a rule bring this table into FROM? Then the draft did not mean its columns."""
        node = self._node(source)
        return isinstance(node, exp.Table) and bool(node.meta.get("added"))

    def _what_exists(self, name: str) -> str:
        lines = [f"{source} has {', '.join(columns)}" for source, columns in self.sources.items() if columns]
        elsewhere = [t.name for t in self.context.catalog if any(same(name, c.name) for c in t.columns)]
        if elsewhere:
            lines.append(f"{name} is a column of {', '.join(elsewhere[:5])}: join it")
        return ". ".join(lines) + "."

    def _outer(self) -> dict[str, list[str] | None]:
        found: dict[str, list[str] | None] = {}
        scope = self.scope.parent
        while scope is not None:
            for name, (_, source) in scope.selected_sources.items():
                found.setdefault(name, _columns_of(source, self.context, self.known))
            scope = scope.parent
        return found

    def _lookup(self, source: str) -> list[str] | None:
        return self.sources[source] if source in self.sources else self._outer().get(source)

    def _in_outer(self, column: exp.Column) -> bool:
        for name, columns in self._outer().items():
            if columns is None:
                return True
            stored = _match(column.name, columns)
            if stored:
                self._bind(column, name, stored)
                return True
        return False

    def _bind(self, column: exp.Column, source: str, stored: str, *, qualify: bool = True) -> None:
        """Write the column as stored and remember, in its meta, which catalog column it is."""
        column.set("this", identifier(stored, self.context.dialect))
        if qualify:
            column.set("table", identifier(source, self.context.dialect))
        node = self._node(source)
        if isinstance(node, exp.Table):
            table = _find_table(node, self.context)
            column.meta["table"] = table
            column.meta["column"] = next((c for c in table.columns if c.name == stored), None)

    def _node(self, source: str) -> exp.Expr | Scope | None:
        scope: Scope | None = self.scope
        while scope is not None:
            if source in scope.selected_sources:
                found: exp.Expr | Scope = scope.selected_sources[source][1]
                return found
            scope = scope.parent
        return None


def _columns_of(source: exp.Expr | Scope, context: Context, known: Known) -> list[str] | None:
    """The column names of a table, subquery or CTE; None when they cannot be known (UNNEST, a star over unknowns)."""
    if isinstance(source, Scope):
        if id(source) not in known:
            known[id(source)] = _output_of(source, context, known)
        return known[id(source)]
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return None
    alias = source.args.get("alias")
    renamed = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
    return renamed or [c.name for c in _find_table(source, context).columns]


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
                columns = _columns_of(source, context, known)
                if columns is None:
                    return None
                names += columns
                if len(names) > MAX_OUTPUTS:
                    raise InvalidSQLError(
                        f"A query in it gives more than {MAX_OUTPUTS:,} columns.",
                        "Name the columns that are wanted.",
                        rule="known_columns",
                    )
    return list(scope.outer_columns) or _named_by_cte(scope.expression) or names


def _named_by_cte(query: exp.Expr) -> list[str]:
    """The column names that a CTE gives to the query it begins with: what it reads of itself in a recursion."""
    while isinstance(query.parent, exp.SetOperation):
        query = query.parent
    cte = query.parent
    return [column.name for column in cte.args["alias"].columns] if isinstance(cte, exp.CTE) else []


def nearly(written: str, stored: str) -> bool:
    """Do the names differ only by a prefix the stored one has, a plural or underscores?"""
    return len(_bare(written)) > 1 and _bare(written) in (_bare(stored), _bare(stored.partition("_")[2]))


def _letters(name: str) -> str:
    """Each word singular, run together: `cars_names` and `CarName` are alike."""
    return "".join(words_of(name))


def _bare(name: str) -> str:
    """Letters and digits only, singular, no case: `order_ids` and `OrderID` are alike."""
    return singular("".join(c for c in name.casefold() if c.isalnum()))


def _match(name: str, columns: list[str]) -> str | None:
    return name if name in columns else next((column for column in columns if same(name, column)), None)
