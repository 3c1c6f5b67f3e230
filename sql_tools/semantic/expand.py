"""Names of the semantic file in SQL -> what they stand for: tables, expressions, filters, metrics.

A draft may say `SELECT net_revenue FROM sales`; what is checked and run says `SUM(...)` over stored columns. A stored
name always wins over one of the file. What cannot be told apart is left as it is, for the checks to refuse.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from sql_tools.models import Change, Context, Definition, Semantics, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.join_keys import leaves_of, sources_of, stored_table
from sql_tools.query.tables import names_cte, tables_meant
from sql_tools.query.text import parse
from sql_tools.semantic.matching import is_called
from sql_tools.semantic.resolve import in_place

Meaning = tuple[str, str]  # a name of the file, and what stands for it
AGGREGATES = ("AGG", "MEASURE")  # how semantic SQL asks for a metric by name


def defined_names(tree: exp.Expr, context: Context) -> list[Change]:
    """Each name of the semantic file is replaced by what the file says it is; a change for each."""
    semantics = context.semantics
    if semantics is None:
        return []
    found = [meaning for node in list(tree.find_all(exp.Table)) if (meaning := _expand_table(node, semantics, context))]
    for select in list(tree.find_all(exp.Select)):
        found += _Expander(select, semantics, context).expand()
    why = f"{semantics.source} defines it so"
    return [Change(rule="defined_names", before=name, after=is_, why=why) for name, is_ in dict.fromkeys(found)]


def _expand_table(node: exp.Table, semantics: Semantics, context: Context) -> Meaning | None:
    """Puts the stored table, or the query, in the place of the file's table; the two names where they differ."""
    if not isinstance(node.this, exp.Identifier) or node.db or names_cte(node, context.dialect):
        return None
    if not node.name.startswith("__") and tables_meant(node, context.catalog):
        return None
    name = node.name.removeprefix("__")
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name))
    for logical, sql in semantics.queries:
        if same(logical, name):
            query = parse(sql, context.dialect)
            node.replace(exp.Subquery(this=query, alias=alias, joins=node.args.get("joins")))
            query.parent.meta["logical"] = logical  # type: ignore[union-attr]
            return name, sql
    for logical, stored in semantics.names:
        if same(logical, name) and (table := _table(stored, context)):
            parts = [identifier(part, context.dialect) for part in reversed(table.path)]
            for key, part in zip(("this", "db", "catalog"), parts, strict=False):
                node.set(key, part)
            node.set("alias", alias)
            return name, stored
    return None


def _table(path: str, context: Context) -> Table | None:
    return next((table for table in context.catalog if ".".join(table.path) == path), None)


@dataclass
class _Expander:
    """One SELECT: which of the file's tables each alias stands for, and whose names its columns may be."""

    select: exp.Select
    semantics: Semantics
    context: Context
    logical: dict[str, list[str]] = field(default_factory=dict)  # folded alias -> the file's tables
    stored: dict[str, Table] = field(default_factory=dict)  # folded alias -> stored table
    written: dict[str, str] = field(default_factory=dict)  # folded alias -> as written
    made: set[str] = field(default_factory=set)  # folded output names of CTEs and subqueries in FROM

    def expand(self) -> list[Meaning]:
        for node in (leaf for source in sources_of(self.select) for leaf in leaves_of(source)):
            self._add(node)
        columns = [c for c in self.select.find_all(exp.Column) if c.find_ancestor(exp.Select) is self.select]
        return [meaning for column in columns if (meaning := self._column(column))]

    def _add(self, node: exp.Expr) -> None:
        alias = node.alias_or_name.casefold()
        self.written[alias] = node.alias_or_name
        if (table := stored_table(node, self.context)) is not None:
            self.stored[alias] = table
            path = ".".join(table.path)
            self.logical[alias] = [name for name, stored in self.semantics.names if stored == path]
        elif "logical" in node.meta:
            self.logical[alias] = [node.meta["logical"]]
        else:
            self.made |= _outputs(node)

    def _column(self, column: exp.Column) -> Meaning | None:
        if isinstance(column.this, exp.Star) or self._is_known(column):
            return None
        found = {d.sql: d for d in self._meant(column)}
        if len(found) != 1:
            return None
        definition = next(iter(found.values()))
        expression = self._expression(definition, column)
        if expression is None or expression == column:
            return None
        _put(column, expression, column.name)
        return definition.name, definition.shown or expression.sql(self.context.dialect)

    def _is_known(self, column: exp.Column) -> bool:
        """Is it a stored column, or what this SELECT itself makes?"""
        name, alias = column.name, column.table.casefold()
        if column.table:
            tables = [self.stored[alias]] if alias in self.stored else []
            return alias not in self.logical or any(_has(table, name) for table in tables)
        if name.casefold() in self.made or any(_has(table, name) for table in self.stored.values()):
            return True
        outputs = {e.alias.casefold() for e in self.select.expressions if e.alias}
        return name.casefold() in outputs and column.find_ancestor(
            exp.Order, exp.Group, exp.Having, exp.Select
        ) is not (self.select)

    def _meant(self, column: exp.Column) -> Iterator[Definition]:
        """The definitions of that name: of the alias before it, or of what is in FROM, or a metric of whatever tables."""
        named = [d for d in self.semantics.definitions if is_called(d, column.name)]
        aliases = [column.table.casefold()] if column.table else list(self.logical)
        homes = {home for alias in aliases for home in self.logical.get(alias, [])}
        near = [d for d in named if d.home in homes]
        yield from near or [d for d in named if d.kind == "metric" and not column.table]

    def _expression(self, definition: Definition, column: exp.Column) -> exp.Expr | None:
        """The definition over this SELECT's aliases; None where an alias is not sure."""
        tree = exp.Paren(this=parse(definition.sql, self.context.dialect))
        for inner in list(tree.find_all(exp.Column)):
            aliases = [alias for alias, names in self.logical.items() if inner.table in names]
            if len(aliases) > 1:
                aliases = [alias for alias in aliases if alias == column.table.casefold()]
                if not aliases:
                    return None
            alias = self.written[aliases[0]] if aliases else ""
            inner.set("table", exp.to_identifier(alias) if alias else None)
        expression: exp.Expr = tree.this
        return expression


def _put(column: exp.Column, expression: exp.Expr, name: str) -> None:
    """The expression in the column's place; an aggregate also takes that of the aggregate around it."""
    place: exp.Expr = column
    around = column.parent
    is_asked = isinstance(around, exp.Anonymous) and around.name.upper() in AGGREGATES
    if expression.find(exp.AggFunc) and (isinstance(around, exp.AggFunc) or is_asked):
        place = around if around is not None else place
    if isinstance(place.parent, exp.Select) and place.arg_key == "expressions":
        place.replace(exp.alias_(expression, name))
    else:
        place.replace(in_place(expression, place.parent))


def _has(table: Table, name: str) -> bool:
    return any(same(column.name, name) for column in table.columns)


def _outputs(node: exp.Expr) -> set[str]:
    """What a subquery or CTE in FROM puts out, as far as it is written."""
    query: exp.Expr | None = node.this if isinstance(node, exp.Subquery) else None
    if isinstance(node, exp.Table):
        place: exp.Expr | None = node
        while place is not None and query is None:
            with_ = place.args.get("with_") if isinstance(place, exp.Query) else None
            ctes = with_.expressions if with_ is not None else []
            query = next((cte.this for cte in ctes if same(cte.alias, node.name)), None)
            place = place.parent
    return {name.casefold() for name in query.named_selects} if isinstance(query, exp.Query) else set()
