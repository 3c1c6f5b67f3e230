"""SQL -> whether it computes a metric that was asked for as the semantic file defines it.

The definition and every expression of the query are written in one form: columns by their stored table, through
subqueries and CTEs; factors and summands in order; without casts, NULLIF guards and brackets. A condition inside an
aggregate (`SUM(CASE WHEN ... THEN x END)`, FILTER) leaves the metric the metric it is. Given up: algebra beyond that.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.errors import CopilotError, InvalidSQLError
from sql_tools.models import Check, Context, Definition, Semantics, ValidSQL
from sql_tools.query.identifiers import same
from sql_tools.query.join_keys import stored_table
from sql_tools.query.text import parse
from sql_tools.semantic.matching import is_called, metric_groups

CHECK = "metrics_as_defined"
SORTED = (exp.Add, exp.Mul, exp.And, exp.Or)
COUNTS = (exp.Count, exp.CountIf)
MAX_DEPTH = 60


def metric_checks(tree: exp.Expr, context: Context) -> tuple[Check, ...]:
    """One check a metric that the question, or an output's name, asks for: which definition was used, or that none was."""
    semantics = context.semantics
    if semantics is None:
        return ()
    return tuple(_either(group, tree, context, semantics) for group in _asked(tree, context, semantics))


def require_defined(valid: ValidSQL, context: Context) -> None:
    """Raises InvalidSQLError, in words for the model, if a metric asked for is computed otherwise."""
    tree = parse(valid.text, valid.dialect)
    odd = [check.detail for check in metric_checks(tree, context) if check.outcome == "warned"]
    if odd:
        raise InvalidSQLError(f"{'; '.join(odd)}. Use the definition as it is.", rule=CHECK)


def _either(group: tuple[Definition, ...], tree: exp.Expr, context: Context, semantics: Semantics) -> Check:
    """The verdict where one name may mean several metrics: one of them is enough."""
    checks = [_judge(metric, tree, context, semantics) for metric in group]
    odd = "; ".join(check.detail for check in checks)
    best = sorted(checks, key=lambda check: ("passed", "not_checked", "warned").index(check.outcome))[0]
    return best if best.outcome != "warned" else Check(name=CHECK, outcome="warned", detail=odd)


def _asked(tree: exp.Expr, context: Context, semantics: Semantics) -> Iterator[tuple[Definition, ...]]:
    """Metrics of stored tables that are asked for, by the question or by an output's name.

    A query that computes nothing lists, and is not judged; nor is one that only counts, by a metric that does not: "how
    many sales" asks for no sum, even if "sales" is a synonym of one.
    """
    aggregates = list(tree.find_all(exp.AggFunc))
    if not aggregates:
        return
    outputs = [name for name in getattr(tree, "named_selects", []) if name and name != "*"]
    public = [m for m in semantics.definitions if m.kind == "metric" and m.shown]
    by_question = metric_groups(context.question, semantics)
    if all(isinstance(one, COUNTS) for one in aggregates):
        by_question = tuple(group for group in by_question if any(_counts(metric, context) for metric in group))
    by_output = (tuple(metric for metric in public if is_called(metric, name)) for name in outputs)
    queries = {name for name, _ in semantics.queries}
    for group in dict.fromkeys((*by_question, *by_output)):
        if group and not any(queries & set(metric.tables) for metric in group):
            yield group


def _counts(metric: Definition, context: Context) -> bool:
    return parse(metric.sql, context.dialect).find(*COUNTS) is not None


def _judge(metric: Definition, tree: exp.Expr, context: Context, semantics: Semantics) -> Check:
    known = f"{metric.name} = {metric.shown}"
    try:
        wanted = _Form(context, semantics).of(parse(metric.sql, context.dialect), None)
        met = any(wanted == form for form in _forms(tree, context, semantics))
        reads = {".".join(t.path) for n in tree.find_all(exp.Table) if (t := stored_table(n, context)) is not None}
    except (SqlglotError, RecursionError, CopilotError):
        return Check(name=CHECK, outcome="not_checked", detail=f"{known}: could not be compared")
    if met and set(metric.tables) <= reads:
        return Check(name=CHECK, outcome="passed", detail=f"{known}, as {semantics.source} defines it")
    detail = f"{semantics.source} defines {metric.name} as {metric.shown}, and this SQL computes it otherwise"
    return Check(name=CHECK, outcome="warned", detail=detail)


def _forms(tree: exp.Expr, context: Context, semantics: Semantics) -> Iterator[str]:
    """Every expression of the query that an aggregate is part of, in the one form."""
    form = _Form(context, semantics)
    for scope in traverse_scope(tree):
        for aggregate in scope.find_all(exp.AggFunc):
            node: exp.Expr | None = aggregate
            while node is not None and isinstance(node, exp.Condition):
                yield form.of(node, scope)
                node = node.parent


class _Form:
    """Writes expressions in one form; columns by `stored path.column`."""

    def __init__(self, context: Context, semantics: Semantics) -> None:
        self.context = context
        self.paths = {name: path for name, path in semantics.names}
        self.keys = {".".join(t.path): [c.casefold() for c in t.primary_key] for t in context.catalog}

    def of(self, node: exp.Expr, scope: Scope | None, depth: int = 0) -> str:
        """`scope` is where the node's columns are bound; None for a definition, whose tables are the file's."""
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(node, exp.Column):
            return self._column(node, scope, depth)
        if isinstance(node, (exp.Paren, exp.Alias, exp.Cast, exp.Filter)):
            return self.of(node.this, scope, depth + 1)
        if isinstance(node, exp.Nullif) and node.expression.sql() == "0":
            return self.of(node.this, scope, depth + 1)
        if isinstance(node, exp.Literal):
            return f"{float(node.this):g}" if not node.is_string else repr(node.this)
        if isinstance(node, SORTED):
            return f"{node.key}({','.join(sorted(self.of(part, scope, depth + 1) for part in _parts(node)))})"
        if isinstance(node, exp.Count) and self._counts_rows(node, scope, depth):
            return "count(*)"
        if isinstance(node, exp.AggFunc) and (only := _only_value(node.this)) is not None:
            return f"{node.key}(this={self.of(only, scope, depth + 1)})"
        parts = (f"{key}={self._arg(value, scope, depth)}" for key, value in sorted(node.args.items()))
        return f"{node.key}({','.join(part for part in parts if not part.endswith('='))})"

    def _arg(self, value: object, scope: Scope | None, depth: int) -> str:
        if isinstance(value, exp.Expr):
            return self.of(value, scope, depth + 1)
        if isinstance(value, list):
            return ",".join(self._arg(one, scope, depth) for one in value)
        return "" if value in (None, False, True) else str(value).casefold()

    def _counts_rows(self, node: exp.Count, scope: Scope | None, depth: int) -> bool:
        inner = node.this
        if isinstance(inner, (exp.Star, exp.Literal)):
            return True
        path, _, name = (
            self.of(inner, scope, depth + 1).rpartition(".") if isinstance(inner, exp.Column) else ("", "", "")
        )
        return self.keys.get(path) == [name]

    def _column(self, column: exp.Column, scope: Scope | None, depth: int) -> str:
        name = column.name.casefold()
        if scope is None:
            return f"{self.paths.get(column.table, column.table)}.{name}"
        for alias, (node, source) in scope.selected_sources.items():
            if column.table and not same(alias, column.table):
                continue
            if isinstance(source, Scope):
                for output in getattr(source.expression, "selects", []):
                    if same(output.alias_or_name, name):
                        return self.of(output, source, depth + 1)
            elif (table := stored_table(node, self.context)) and any(same(c.name, name) for c in table.columns):
                return f"{'.'.join(table.path)}.{name}"
        return f"?.{name}"


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The operands of a chain of one operation, brackets opened."""
    for side in (node.args["this"], node.args["expression"]):
        inner = side.unnest()
        yield from _parts(inner) if type(inner) is type(node) else [inner]


def _only_value(value: object) -> exp.Expr | None:
    """What is aggregated where a condition holds: x of CASE WHEN ... THEN x [ELSE 0 or NULL] END."""
    if isinstance(value, exp.Case) and value.this is None and len(value.args["ifs"]) == 1:
        other = value.args.get("default")
        nothing = other is None or isinstance(other, exp.Null) or other.sql() == "0"
        return value.args["ifs"][0].args["true"] if nothing else None
    return None
