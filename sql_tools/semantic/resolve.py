"""Semantic model, what the asker may read -> `Semantics`: each name with the SQL over stored columns it stands for.

Names of the file inside its expressions are replaced by their own expressions, until only stored columns are left. What
speaks of a table the asker may not read is left out whole, and so is what cannot be resolved; `Resolved.problems` says
what and why, for the file's owner.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlglot import exp

from sql_tools.models import Definition, Semantics, Table, Verified
from sql_tools.query.identifiers import identifier, nearest, same
from sql_tools.semantic.bind import Bindings, Bound, parsed
from sql_tools.semantic.model import Dimension, Fact, Filter, LogicalTable, Metric, Named, SemanticModel, VerifiedQuery
from sql_tools.semantic.yaml_lines import Path as Place

MAX_DEPTH = 20
FILTER = "filter"


@dataclass(frozen=True)
class Problem:
    """What cannot be used of the file, and where it is. `hidden`: only since a table is not there for this asker."""

    place: Place
    words: str
    hidden: bool = False


@dataclass
class Resolved:
    """The outcome, with what was left out of it."""

    semantics: Semantics
    bindings: Bindings
    problems: list[Problem] = field(default_factory=list)


class Unresolved(Exception):
    """Why one expression cannot be used."""

    def __init__(self, words: str, *, hidden: bool = False) -> None:
        super().__init__(words)
        self.words, self.hidden = words, hidden


def resolve(
    model: SemanticModel, catalog: tuple[Table, ...], *, dialect: str, source: str, exact: bool = False
) -> Resolved:
    """What of the model can be used on these tables. `exact`: schema and database of base tables must agree."""
    bindings = Bindings(model, catalog, dialect=dialect, exact=exact)
    work = _Resolver(model, bindings)
    definitions = tuple(work.definitions())
    semantics = Semantics(
        source=source,
        names=tuple((b.logical.name, ".".join(b.table.path)) for b in bindings.bound.values() if not b.query),
        queries=tuple((b.logical.name, b.query) for b in bindings.bound.values() if b.query),
        views=tuple(_view(b) for b in bindings.bound.values() if b.query),
        definitions=definitions,
        verified=tuple(work.verified()),
        instructions=_instructions(model, bindings.lacking),
    )
    lacking = [Problem(("tables", model.tables.index(t)), _not_there(t), hidden=True) for t in bindings.lacking]
    return Resolved(semantics, bindings, [*lacking, *work.problems])


class _Resolver:
    """Walks the model once; `problems` fills on the way."""

    def __init__(self, model: SemanticModel, bindings: Bindings) -> None:
        self.model, self.bindings = model, bindings
        self.problems: list[Problem] = []

    def definitions(self) -> Iterator[Definition]:
        for n, table in enumerate(self.model.tables):
            bound = self.bindings.get(table.name)
            if bound is None:
                continue
            for kind in ("dimensions", "time_dimensions", "facts", "filters", "metrics"):
                for m, one in enumerate(getattr(table, kind)):
                    yield from self._definition(one, bound, ("tables", n, kind, m, "expr"))
        for n, metric in enumerate(self.model.metrics):
            yield from self._definition(metric, None, ("metrics", n, "expr"))

    def verified(self) -> Iterator[Verified]:
        for n, query in enumerate(self.model.verified_queries):
            tree = parsed(query.sql)
            if not isinstance(tree, exp.Query):
                self.problems.append(Problem(("verified_queries", n, "sql"), "is no SELECT that parses"))
            elif not self.bindings.is_readable(tree):
                words = "reads a table that is neither in the file nor in the warehouse"
                self.problems.append(Problem(("verified_queries", n, "sql"), words, hidden=bool(self.bindings.lacking)))
            else:
                yield Verified(
                    question=query.question,
                    sql=tree.sql(self.bindings.dialect, comments=False),
                    by=query.verified_by,
                    on=_date(query),
                    onboarding=query.use_as_onboarding_question,
                )

    def _definition(
        self, one: Dimension | Fact | Filter | Metric, bound: Bound | None, place: Place
    ) -> Iterator[Definition]:
        try:
            tree = self._resolved(one, bound, ())
        except Unresolved as error:
            self.problems.append(Problem(place, error.words, hidden=error.hidden))
            return
        is_private = getattr(one, "access_modifier", "") == "private_access"
        plain = isinstance(tree, exp.Column)
        homes = list(dict.fromkeys(column.table for column in tree.find_all(exp.Column)))
        if isinstance(one, Metric) and tree.find(exp.AggFunc) is None:
            self.problems.append(Problem(place, "aggregates nothing, as a metric has to: use SUM, COUNT, AVG ..."))
            return
        yield Definition(
            kind="metric" if isinstance(one, Metric) else FILTER if _is_filter(one) else "expression",
            name=one.name,
            sql=tree.sql(self.bindings.dialect, comments=False),
            shown="" if plain or is_private else self._shown(tree, homes),
            home=bound.logical.name if bound else "",
            tables=tuple(self._stored(home) for home in homes or ([bound.logical.name] if bound else [])),
            synonyms=() if is_private else one.synonyms,
            description=one.description,
        )

    def _stored(self, home: str) -> str:
        bound = self.bindings.get(home)
        return ".".join(bound.table.path) if bound else home

    def _shown(self, tree: exp.Expr, homes: list[str]) -> str:
        """As a model reads it: stored table names before the columns where there are several tables."""
        copy = tree.copy()
        for column in copy.find_all(exp.Column):
            bound = self.bindings.get(column.table)
            name = bound.table.name if bound and len(homes) > 1 else ""
            column.set("table", identifier(name, self.bindings.dialect) if name else None)
        return str(copy.sql(self.bindings.dialect, comments=False))

    def _resolved(
        self, one: Dimension | Fact | Filter | Metric, bound: Bound | None, stack: tuple[Named, ...]
    ) -> exp.Expr:
        """The expression over stored columns, each as `file's table.column`."""
        tree = parsed(one.expr)
        if tree is None:
            raise Unresolved(f"does not parse as SQL: {one.expr!r:.80}")
        if tree.find(exp.Query) or not isinstance(tree, (exp.Condition, exp.Column)):
            raise Unresolved("is no single expression: a query cannot stand here")
        if len(stack) > MAX_DEPTH:
            raise Unresolved("is nested too deeply in other names of the file")
        tree = exp.Paren(this=tree)
        for column in list(tree.find_all(exp.Column)):
            column.replace(in_place(self._of_column(column, bound, (*stack, one)), column.parent))
        inner: exp.Expr = tree.this
        return inner

    def _of_column(self, column: exp.Column, bound: Bound | None, stack: tuple[Named, ...]) -> exp.Expr:
        home = bound
        if column.table and not (bound and same(column.table, bound.logical.name)):
            home = self._home(column.table)
        named = self._named(column.name, home, stack)
        if named is not None:
            return self._resolved(named[0], named[1], stack)
        stored = home.column(column.name) if home else None
        if home is None or stored is None:
            raise Unresolved(self._unknown(column, home, stack))
        name = identifier(stored, self.bindings.dialect)
        return exp.column(name, exp.to_identifier(home.logical.name, quoted=True))

    def _home(self, name: str) -> Bound:
        bound = self.bindings.get(name)
        if bound is None:
            hidden = any(same(table.name, name) for table in self.bindings.lacking)
            raise Unresolved(f"speaks of {name}, which is no table of this file that the warehouse has", hidden=hidden)
        return bound

    def _named(
        self, name: str, home: Bound | None, stack: tuple[Named, ...]
    ) -> tuple[Dimension | Fact | Metric, Bound | None] | None:
        """What the file defines under that name, unless that is what is being resolved."""
        found: list[tuple[Dimension | Fact | Metric, Bound | None]] = []
        if home is not None:
            found = [(one, home) for one in (*home.logical.row_level, *home.logical.metrics) if same(one.name, name)]
        else:
            found = [(one, None) for one in self.model.metrics if same(one.name, name)]
            found += [(o, b) for b in self.bindings.bound.values() for o in b.logical.metrics if same(o.name, name)]
        found = [pair for pair in found if all(pair[0] is not one for one in stack)]
        if len(found) > 1:
            raise Unresolved(f"{name} is the name of several metrics: write `table.{name}`")
        return found[0] if found else None

    def _unknown(self, column: exp.Column, home: Bound | None, stack: tuple[Named, ...]) -> str:
        if any(same(one.name, column.name) for one in stack):
            return f"defines {column.name} by itself"
        if home is None:
            return f"speaks of {column.name}, which is no metric: write `table.metric`"
        names = [c.name for c in home.table.columns] + [one.name for one in home.logical.row_level]
        close = nearest(column.name, names)
        return f"speaks of {column.name}, which {home.logical.name} has not" + (
            f": did you mean {' or '.join(close)}?" if close else ""
        )


def in_place(expression: exp.Expr, parent: exp.Expr | None) -> exp.Expr:
    """The expression as it may stand under `parent`: in brackets where it could be torn apart."""
    is_one = not isinstance(expression, (exp.Binary, exp.Unary, exp.Between, exp.In)) or isinstance(
        expression, exp.Paren
    )
    torn = isinstance(parent, (exp.Binary, exp.Unary, exp.Between, exp.In, exp.Is)) and not isinstance(
        parent, exp.Paren
    )
    return exp.Paren(this=expression) if torn and not is_one else expression


def _is_filter(one: Named) -> bool:
    return isinstance(one, Filter) or FILTER in getattr(one, "labels", ())


def _view(bound: Bound) -> Table:
    return bound.table.model_copy(update={"comment": bound.logical.description})


def _date(query: VerifiedQuery) -> str:
    at = query.verified_at
    if isinstance(at, int):
        seconds = at / 1000 if at > 100_000_000_000 else at
        try:
            return datetime.fromtimestamp(seconds, UTC).date().isoformat()
        except (OverflowError, OSError, ValueError):
            return ""
    return (at or "").strip()[:10]


def _not_there(table: LogicalTable) -> str:
    base = table.base_table
    name = ".".join(filter(None, (base.database, base.schema_name, base.table)))
    return f"has no table {name} in this warehouse" if name else "is a query over tables that are not in this warehouse"


def _instructions(model: SemanticModel, lacking: tuple[LogicalTable, ...]) -> str:
    """The owner's instructions, without lines that name a table the asker may not read."""
    by_module = model.module_custom_instructions
    parts = [
        model.custom_instructions,
        *((by_module.sql_generation, by_module.question_categorization) if by_module else ()),
    ]
    hidden = {name.casefold() for t in lacking for name in (t.name, t.base_table.table) if name}
    lines = (line.strip() for part in parts for line in part.splitlines())
    return "\n".join(line for line in lines if line and not any(name in line.casefold() for name in hidden))
