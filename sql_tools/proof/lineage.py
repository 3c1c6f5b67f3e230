"""Query -> for each output column, the stored columns its values are made of.

An own walk over sqlglot's scopes: its `lineage` qualifies and copies the tree for every column (2 to 8 ms each), this
visits each query once. Followed are the values, through CTEs, subqueries, set operations and stars; what only filters
or joins is told by the rest of the proof. A name that cannot be followed leaves its column marked as not complete.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.models import Context, OutputColumn, SourceColumn
from sql_tools.proof.stars import Columns, Sources, merged, opened, starred
from sql_tools.proof.wording import RANKING
from sql_tools.query.identifiers import same
from sql_tools.query.join_keys import stored_table

UNKNOWN = SourceColumn(table="", column="")  # a name that leads nowhere


def lineage(tree: exp.Expr, context: Context) -> tuple[OutputColumn, ...]:
    """The output columns in order; a star is opened into the columns it stands for. Empty for what is no query."""
    scopes = traverse_scope(tree)
    outputs = _Walk(scopes, context).outputs(scopes[-1]) if scopes else []
    return tuple(_without_unknown(output) for output in outputs)


class _Walk:
    """Remembers what each scope puts out, so that a CTE used often is followed once."""

    def __init__(self, scopes: list[Scope], context: Context) -> None:
        self.scopes = {id(scope.expression): scope for scope in scopes}
        self.context = context
        self._outputs: dict[int, list[OutputColumn]] = {}
        self._merged: dict[int, dict[str, Sources]] = {}
        self._open: set[int] = set()  # aliases being followed, since `a + 1 AS a` names itself

    def outputs(self, scope: Scope) -> list[OutputColumn]:
        """What a query puts out, named as it names them."""
        key = id(scope)
        if key not in self._outputs:
            self._outputs[key] = []  # a recursive query inside itself adds no sources of its own
            self._outputs[key] = _renamed(list(self._of_query(scope)), scope.outer_columns)
        return self._outputs[key]

    def _of_query(self, scope: Scope) -> Iterator[OutputColumn]:
        if scope.set_operation_scopes:
            yield from self._of_set(scope)
        elif isinstance(scope.expression, exp.Subquery):
            yield from self.outputs(scope.derived_table_scopes[0]) if scope.derived_table_scopes else []
        else:
            for part in getattr(scope.expression, "selects", []):
                yield from self._of_star(part, scope) if part.is_star else [self._of_output(part, scope)]

    def _of_set(self, scope: Scope) -> Iterator[OutputColumn]:
        node = scope.expression
        left, right = (self.outputs(side) for side in scope.set_operation_scopes)
        if isinstance(node, exp.Except):  # the right side only takes rows away
            yield from left
        elif node.args.get("by_name"):
            yield from _by_name(left, right)
        else:
            yield from (_either(a, b, node.key.upper()) for a, b in zip(left, right, strict=False))

    def _of_output(self, part: exp.Expr, scope: Scope) -> OutputColumn:
        inner = part.unalias()
        expression = inner.sql(dialect=self.context.dialect, comments=False)
        sources = tuple(self._of_expression(inner, scope))
        return OutputColumn(name=part.output_name or expression, expression=expression, sources=sources)

    def _of_star(self, star: exp.Expr, scope: Scope) -> Iterator[OutputColumn]:
        wanted = star.table if isinstance(star, exp.Column) else ""
        meant = [node for alias, (node, _) in scope.selected_sources.items() if not wanted or same(wanted, alias)]
        if any(node.args.get("pivots") for node in meant):  # which columns come out, the data may say
            inner = (s for alias, columns in self._sources(scope) for _, sources in columns for s in sources)
            yield OutputColumn(
                name="*", expression=star.sql(dialect=self.context.dialect), sources=(*dict.fromkeys(inner), UNKNOWN)
            )
            return
        found = opened(wanted, self._sources(scope), {} if wanted else self._merged_in(scope))
        for name, sources, written in starred(star, found):
            if isinstance(written, exp.Expr):
                sources = self._of_expression(written, scope)
                written = written.sql(dialect=self.context.dialect, comments=False)
            yield OutputColumn(name=name, expression=written, sources=tuple(sources))

    def _sources(self, scope: Scope) -> list[tuple[str, Columns]]:
        """Alias and columns of each thing in FROM, in order."""
        return [(alias, self._columns(node, source)) for alias, (node, source) in scope.selected_sources.items()]

    def _merged_in(self, scope: Scope) -> dict[str, Sources]:
        if id(scope) not in self._merged:
            joins = {id(join.this): join for join in scope.find_all(exp.Join)}
            by_join = [joins.get(id(node)) for node, _ in scope.selected_sources.values()]
            needed = any(join is not None and (join.args.get("using") or join.method) for join in by_join)
            columns = [columns for _, columns in self._sources(scope)] if needed else []
            self._merged[id(scope)] = merged(list(zip(by_join, columns, strict=False)))
        return self._merged[id(scope)]

    def _columns(self, node: exp.Expr, source: exp.Expr | Scope) -> Columns:
        """What can be named of a source, as its alias renames it."""
        alias = node.args.get("alias")
        names = [column.name for column in alias.args.get("columns") or []] if isinstance(alias, exp.TableAlias) else []
        found = self._own_columns(source, names)
        if node.args.get("pivots"):
            found = [(name, {**sources, UNKNOWN: None}) for name, sources in found]
        return [(name, sources) for name, (_, sources) in zip(names, found, strict=False)] + found[len(names) :]

    def _own_columns(self, source: exp.Expr | Scope, names: list[str]) -> Columns:
        if isinstance(source, Scope):
            if source.is_udtf:
                return self._of_function(source, names or source.outer_columns)
            walked = self.scopes.get(id(source.expression), source)  # a recursive CTE inside itself is a bare copy
            return [(output.name, dict.fromkeys(output.sources)) for output in self.outputs(walked)]
        table = stored_table(source, self.context)
        if table is None:
            return [(name, {}) for name in names]
        path = ".".join(table.path)
        return [(column.name, {SourceColumn(table=path, column=column.name): None}) for column in table.columns]

    def _of_function(self, scope: Scope, names: list[str]) -> Columns:
        """Columns of LATERAL, UNNEST and VALUES: made of all that goes in."""
        if scope.subquery_scopes:
            return [(output.name, dict.fromkeys(output.sources)) for output in self.outputs(scope.subquery_scopes[-1])]
        parts = scope.expression.args.get("expressions") or [scope.expression.this]
        sources: Sources = {}
        for part in parts:
            sources.update(self._of_expression(part, scope.parent or scope))
        return [(name, sources) for name in names or ["unnest"]]

    def _of_expression(self, expression: exp.Expr, scope: Scope) -> Sources:
        found: Sources = {}
        for node in expression.walk(prune=lambda n: isinstance(n, (exp.Select, exp.SetOperation))):
            if isinstance(node, exp.Column):
                found.update(self._of_column(node, scope))
            elif isinstance(node, (exp.Parameter, exp.Columns)):  # `$1`; the columns of a pattern
                found[UNKNOWN] = None
            elif isinstance(node, (exp.Select, exp.SetOperation)):
                found.update(self._of_subquery(node))
            elif isinstance(node, (exp.AggFunc, exp.Window)) and not isinstance(node, RANKING):
                found.update(self._of_rows(node, scope))
        return found

    def _of_subquery(self, node: exp.Expr) -> Sources:
        scope = self.scopes.get(id(node))
        if scope is None:
            return {UNKNOWN: None}
        if isinstance(node.parent, exp.Exists):
            return self._rows(scope)
        return {source: None for output in self.outputs(scope) for source in output.sources}

    def _of_rows(self, node: exp.Expr, scope: Scope) -> Sources:
        """What an aggregate without a column counts; what a named window divides and orders by."""
        found: Sources = {} if node.find(exp.Column) else self._rows(scope)
        for window in scope.expression.args.get("windows") or [] if node.args.get("alias") else []:
            if same(window.name, node.args["alias"].name):
                found.update(self._of_expression(window, scope))
        return found

    def _rows(self, scope: Scope) -> Sources:
        """`*` of each stored table whose rows a COUNT(*) here counts."""
        found: Sources = {}
        for node, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                found.update(self._rows(source))
            elif table := stored_table(node, self.context):
                found[SourceColumn(table=".".join(table.path), column="*")] = None
        inner = [*scope.set_operation_scopes, *(scope.subquery_scopes if scope.is_udtf else [])]
        return {**found, **{row: None for one in inner for row in self._rows(one)}}

    def _of_column(self, column: exp.Column, scope: Scope) -> Sources:
        place: Scope | None = scope
        while place is not None:
            if not column.table and (found := self._merged_in(place).get(column.name.casefold())):
                return found
            for alias, (node, source) in place.selected_sources.items():
                if column.table and not same(column.table, alias):
                    continue
                if isinstance(column.this, exp.Star):
                    return self._rows_of(node, source)
                for name, sources in self._columns(node, source):
                    if same(name, column.name):
                        return sources
            if not column.table and (made := self._of_alias(column.name, place)) is not None:
                return made
            place = place.parent
        return {UNKNOWN: None}

    def _rows_of(self, node: exp.Expr, source: exp.Expr | Scope) -> Sources:
        if isinstance(source, Scope):
            return self._rows(source)
        table = stored_table(node, self.context)
        return {SourceColumn(table=".".join(table.path), column="*"): None} if table else {UNKNOWN: None}

    def _of_alias(self, name: str, scope: Scope) -> Sources | None:
        """An output of the same query that another one is made from; None if there is none."""
        for part in getattr(scope.expression, "selects", []):
            if part.alias and same(part.alias, name) and id(part) not in self._open:
                self._open.add(id(part))
                try:
                    return self._of_expression(part.unalias(), scope)
                finally:
                    self._open.discard(id(part))
        return None


def _either(a: OutputColumn, b: OutputColumn, word: str) -> OutputColumn:
    """A column whose values come from either side of a set operation."""
    written = a.expression if a.expression == b.expression else f"{a.expression} {word} {b.expression}"
    return OutputColumn(name=a.name, expression=written, sources=tuple(dict.fromkeys((*a.sources, *b.sources))))


def _by_name(left: list[OutputColumn], right: list[OutputColumn]) -> Iterator[OutputColumn]:
    """UNION BY NAME: columns of one name are one, and each side may have more."""
    others = {output.name.casefold(): output for output in right}
    for output in left:
        other = others.pop(output.name.casefold(), None)
        yield _either(output, other, "UNION") if other else output
    yield from others.values()


def _renamed(outputs: list[OutputColumn], names: list[str]) -> list[OutputColumn]:
    """As `WITH x (a, b)` or `AS t(a, b)` call them."""
    fresh = [output.model_copy(update={"name": name}) for output, name in zip(outputs, names, strict=False)]
    return [*fresh, *outputs[len(fresh) :]]


def _without_unknown(output: OutputColumn) -> OutputColumn:
    if UNKNOWN not in output.sources:
        return output
    known = tuple(source for source in output.sources if source != UNKNOWN)
    return output.model_copy(update={"sources": known, "complete": False})
