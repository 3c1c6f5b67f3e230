"""Query -> for each output column, the stored columns its values are made of.

An own walk over sqlglot's scopes: its `lineage` qualifies and copies the tree for every column (2 to 8 ms each), this
visits each query once. Followed are the values, through CTEs, subqueries, set operations and stars; what only filters
or joins is told by the rest of the proof.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.identifiers import same
from sql_tools.models import Context, OutputColumn, SourceColumn, Table

Sources = dict[SourceColumn, None]  # a set that keeps its order


def lineage(tree: exp.Expr, context: Context) -> tuple[OutputColumn, ...]:
    """The output columns in order; a star is opened into the columns it stands for."""
    query = tree.find(exp.Query) if not isinstance(tree, exp.Query) else tree
    scopes = traverse_scope(tree)
    if query is None or not scopes:
        return ()
    return tuple(_Walk(scopes, context).outputs(scopes[-1]))


class _Walk:
    """Remembers what each scope puts out, so that a CTE used often is followed once."""

    def __init__(self, scopes: list[Scope], context: Context) -> None:
        self.scopes = {id(scope.expression): scope for scope in scopes}
        self.context = context
        self._outputs: dict[int, list[OutputColumn]] = {}
        self._open: set[int] = set()  # aliases being followed, since `a + 1 AS a` names itself

    def outputs(self, scope: Scope) -> list[OutputColumn]:
        """What a query puts out, named as it names them."""
        key = id(scope)
        if key not in self._outputs:
            self._outputs[key] = []  # a query inside itself would be recursive, which is not allowed
            found = self._of_set(scope) if scope.set_operation_scopes else list(self._of_select(scope))
            self._outputs[key] = _renamed(found, scope.outer_columns)
        return self._outputs[key]

    def _of_set(self, scope: Scope) -> list[OutputColumn]:
        word = scope.expression.key.upper()
        left, right = (self.outputs(side) for side in scope.set_operation_scopes)
        return [
            OutputColumn(
                name=a.name,
                expression=a.expression if a.expression == b.expression else f"{a.expression} {word} {b.expression}",
                sources=tuple(dict.fromkeys((*a.sources, *b.sources))),
            )
            for a, b in zip(left, right, strict=False)
        ]

    def _of_select(self, scope: Scope) -> Iterator[OutputColumn]:
        for part in getattr(scope.expression, "selects", []):
            if part.is_star:
                yield from self._of_star(part, scope)
            else:
                inner = part.unalias()
                expression = inner.sql(dialect=self.context.dialect, comments=False)
                sources = tuple(self._of_expression(inner, scope))
                name = part.output_name or expression
                yield OutputColumn(name=name, expression=expression, sources=sources)

    def _of_star(self, star: exp.Expr, scope: Scope) -> Iterator[OutputColumn]:
        wanted = star.args.get("table") if isinstance(star, exp.Column) else None
        clause = star.this if isinstance(star, exp.Column) else star
        left_out = {e.name.casefold() for e in clause.args.get("except_") or []}
        joins = {id(join.this): join for join in scope.expression.args.get("joins") or []}
        for alias, (node, source) in scope.selected_sources.items():
            if wanted is not None and not same(wanted.name, alias):
                continue
            using = joins[id(node)].args.get("using") if id(node) in joins and wanted is None else None
            merged = {column.name.casefold() for column in using or []}
            for name, sources in self._columns(source):
                if name.casefold() not in left_out | merged:
                    yield OutputColumn(name=name, expression=f"{alias}.{name}", sources=tuple(sources))

    def _columns(self, source: exp.Expr | Scope) -> list[tuple[str, tuple[SourceColumn, ...]]]:
        if isinstance(source, Scope):
            return [(output.name, output.sources) for output in self.outputs(source)]
        table = self._stored(source)
        if table is None:
            return []
        path = ".".join(table.path)
        return [(column.name, (SourceColumn(table=path, column=column.name),)) for column in table.columns]

    def _stored(self, node: exp.Expr) -> Table | None:
        if not isinstance(node, exp.Table):
            return None
        hits = [t for t in self.context.catalog if same(t.name, node.name)]
        hits = [t for t in hits if not node.db or same(t.schema_name, node.db)]
        return next((t for t in hits if t.in_default_schema), hits[0] if hits else None)

    def _of_expression(self, expression: exp.Expr, scope: Scope) -> Sources:
        found: Sources = {}
        for node in expression.walk(prune=lambda n: isinstance(n, (exp.Select, exp.SetOperation))):
            if isinstance(node, exp.Column):
                found.update(self._of_column(node, scope))
            elif isinstance(node, (exp.Select, exp.SetOperation)) and id(node) in self.scopes:
                for output in self.outputs(self.scopes[id(node)]):
                    found.update(dict.fromkeys(output.sources))
            elif isinstance(node, exp.Count) and not node.find(exp.Column):
                found.update(self._rows(scope))
        return found

    def _rows(self, scope: Scope) -> Sources:
        """`*` of each stored table whose rows a COUNT(*) here counts."""
        found: Sources = {}
        for _, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                for inner in [source, *source.set_operation_scopes]:
                    found.update(self._rows(inner))
            elif table := self._stored(source):
                found[SourceColumn(table=".".join(table.path), column="*")] = None
        return found

    def _of_column(self, column: exp.Column, scope: Scope) -> Sources:
        place: Scope | None = scope
        while place is not None:
            for alias, (_, source) in place.selected_sources.items():
                if column.table and not same(column.table, alias):
                    continue
                for name, sources in self._columns(source):
                    if same(name, column.name):
                        return dict.fromkeys(sources)
            if not column.table and (found := self._of_alias(column.name, place)):
                return found
            place = place.parent
        return {}

    def _of_alias(self, name: str, scope: Scope) -> Sources:
        """An output of the same query that another one is made from."""
        for part in getattr(scope.expression, "selects", []):
            if part.alias and same(part.alias, name) and id(part) not in self._open:
                self._open.add(id(part))
                try:
                    return self._of_expression(part.unalias(), scope)
                finally:
                    self._open.discard(id(part))
        return {}


def _renamed(outputs: list[OutputColumn], names: list[str]) -> list[OutputColumn]:
    """As `WITH x (a, b)` or `AS t(a, b)` call them."""
    fresh = [output.model_copy(update={"name": name}) for output, name in zip(outputs, names, strict=False)]
    return [*fresh, *outputs[len(fresh) :]]
