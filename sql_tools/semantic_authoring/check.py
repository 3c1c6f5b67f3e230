"""A semantic file, a warehouse -> what is wrong with the file: names, expressions, keys, verified queries, limits.

A problem is what would give a wrong number or be left out; a warning what Cortex Analyst would not take, or what could
not be looked at. Expressions are bound by the engine without being run; keys are looked up in the data.
"""

from collections.abc import Iterator

from sqlglot import exp

from sql_tools.copilot import check as check_sql
from sql_tools.errors import CopilotError, WarehouseError
from sql_tools.models import Definition, Record
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.text import parse
from sql_tools.query.types import kind_of
from sql_tools.semantic.apply import SemanticWarehouse
from sql_tools.semantic.bind import Bound, parsed
from sql_tools.semantic.model import SemanticModel
from sql_tools.semantic.read import read_document, shown
from sql_tools.semantic.resolve import Resolved, resolve
from sql_tools.semantic.yaml_lines import Document
from sql_tools.semantic.yaml_lines import Path as Place
from sql_tools.semantic_authoring.limits import all_named, limits
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe, table_of

MAX_SECONDS = 60.0
Said = tuple[Place, str]


class Finding(Record):
    """One thing about the file; `line` counts from 1."""

    line: int
    place: str
    message: str


class SemanticReport(Record):
    """Whether the file holds on this warehouse."""

    valid: bool
    source: str
    tables: int
    definitions: int
    verified_queries: int
    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def check_semantics(text: str, warehouse: Warehouse, settings: Settings, *, source: str) -> SemanticReport:
    """The report on the file's text. SemanticFileError if it cannot be read at all."""
    model, document = read_document(text, source=source)
    work = _Checker(model, warehouse, settings, source)
    problems, warnings = list(work.problems()), [*work.warnings, *limits(model, text)]
    return SemanticReport(
        valid=not problems,
        source=source,
        tables=len(work.found.bindings.bound),
        definitions=len(work.found.semantics.definitions),
        verified_queries=len(work.found.semantics.verified),
        problems=_findings(problems, document),
        warnings=_findings(warnings, document),
    )


def _findings(said: list[Said], document: Document) -> tuple[Finding, ...]:
    found = (
        Finding(line=document.line(place), place=shown(place, document.value) or "the document", message=words)
        for place, words in dict.fromkeys(said)
    )
    return tuple(sorted(found, key=lambda finding: finding.line))


class _Checker:
    """One file on one warehouse; `warnings` fill on the way."""

    def __init__(self, model: SemanticModel, warehouse: Warehouse, settings: Settings, source: str) -> None:
        self.model, self.warehouse, self.settings, self.source = model, warehouse, settings, source
        self.found: Resolved = resolve(
            model, warehouse.tables(), dialect=warehouse.dialect, source=source, exact=warehouse.remote
        )
        self.probe = Probe(warehouse, max_seconds=MAX_SECONDS)
        self.warnings: list[Said] = []

    def problems(self) -> Iterator[Said]:
        """All that is wrong; expressions are tried in the order of the file."""
        yield from ((problem.place, problem.words) for problem in self.found.problems)
        for n, table in enumerate(self.model.tables):
            if (bound := self.found.bindings.get(table.name)) is not None:
                self._look_at_names(bound, ("tables", n))
                yield from self._of_keys(bound, ("tables", n))
        yield from self._of_expressions()
        yield from self._of_relationships()
        yield from self._of_queries()

    def _look_at_names(self, bound: Bound, place: Place) -> None:
        """Warns of a name of the file that a stored column bears, too, but which stands for something else."""
        for kind in ("dimensions", "time_dimensions", "facts", "metrics", "filters"):
            for n, one in enumerate(getattr(bound.logical, kind)):
                stored = bound.column(one.name)
                tree = parsed(one.expr)
                itself = isinstance(tree, exp.Column) and same(tree.name, one.name)
                if stored and not itself and not bound.query:
                    words = (
                        f"{one.name} is also a column of {bound.table.name}; in SQL that column is meant: rename one"
                    )
                    self.warnings.append(((*place, kind, n, "name"), words))

    def _of_keys(self, bound: Bound, place: Place) -> Iterator[Said]:
        """Keys of the file exist, and never repeat in the data."""
        table = bound.logical
        keys = [((*place, "primary_key"), table.primary_key)] if table.primary_key else []
        keys += [((*place, "unique_keys", n), key) for n, key in enumerate(table.unique_keys)]
        for where, key in keys:
            if bound.query or key is None:
                continue
            columns = [bound.stored_column(name) for name in key.columns]
            lacking = [name for name, column in zip(key.columns, columns, strict=True) if column is None]
            if lacking:
                yield where, f"{bound.table.name} has no column {', '.join(lacking)}"
            else:
                yield from self._unique(bound, [c for c in columns if c], where)

    def _unique(self, bound: Bound, columns: list[str], where: Place) -> Iterator[Said]:
        told = f"{', '.join(columns)} of {bound.table.name}"
        is_unique = self.probe.unique(bound.table, frozenset(column.lower() for column in columns))
        if is_unique is None:
            self.warnings.append((where, f"whether {told} repeats could not be looked up"))
        elif not is_unique:
            yield where, f"{told} repeats or is NULL in the data, so it is no key"

    def _of_expressions(self) -> Iterator[Said]:
        places = dict(_named_places(self.model))
        for definition in self.found.semantics.definitions:
            place = places.get((definition.home.casefold(), definition.name.casefold()), ())
            try:
                self.warehouse.explain(self._statement(definition).sql(self.warehouse.dialect))
            except WarehouseError as error:
                yield (*place, "expr"), f"the engine does not take it: {error.message}"
            except CopilotError:
                continue  # it binds, but a person would have to agree before it runs

    def _statement(self, definition: Definition) -> exp.Select:
        """The definition over its own tables, side by side: it is bound, never run."""
        tree = parse(definition.sql, self.warehouse.dialect)
        homes = list(dict.fromkeys(column.table for column in tree.find_all(exp.Column))) or [definition.home]
        is_filter = definition.kind == "filter"
        select = exp.select("1").where(tree) if is_filter else exp.select(exp.alias_(tree, "x"))
        for number, home in enumerate(homes):
            source = self._source(home)
            select = select.from_(source) if number == 0 else select.join(source, join_type="CROSS")
        return select

    def _source(self, home: str) -> exp.Expr:
        bound = self.found.bindings.get(home)
        assert bound is not None
        alias = exp.TableAlias(this=exp.to_identifier(bound.logical.name, quoted=True))
        if bound.query:
            query = parse(bound.query, self.warehouse.dialect)
            return exp.Subquery(this=query, alias=alias)
        node = table_of(bound.table, self.warehouse.dialect)
        node.set("alias", alias)
        return node

    def _of_relationships(self) -> Iterator[Said]:
        for n, relationship in enumerate(self.model.relationships):
            left = self.found.bindings.get(relationship.left_table)
            right = self.found.bindings.get(relationship.right_table)
            place: Place = ("relationships", n)
            if left is None or right is None:
                continue
            pairs = relationship.relationship_columns
            columns = [(left.stored_column(p.left_column), right.stored_column(p.right_column)) for p in pairs]
            lacking = [
                f"{bound.table.name} has no column {written}"
                for pair, (a, b) in zip(pairs, columns, strict=True)
                for bound, written, stored in ((left, pair.left_column, a), (right, pair.right_column, b))
                if stored is None
            ]
            if lacking:
                yield (*place, "relationship_columns"), "; ".join(lacking)
            elif not (left.query or right.query or any(pair.type for pair in pairs)):
                yield from self._of_join(left, right, [(a, b) for a, b in columns if a and b], place)

    def _of_join(self, left: Bound, right: Bound, columns: list[tuple[str, str]], place: Place) -> Iterator[Said]:
        dialect = self.warehouse.dialect
        a, b = table_of(left.table, dialect, "a"), table_of(right.table, dialect, "b")
        on = [exp.EQ(this=exp.column(identifier(x, dialect), "a"), expression=exp.column(identifier(y, dialect), "b")) for x, y in columns]  # fmt: skip
        try:
            self.warehouse.explain(exp.select("1").from_(a).join(b, on=exp.and_(*on)).sql(dialect))
        except WarehouseError as error:
            yield place, f"the engine does not take this join: {error.message}"
            return
        except CopilotError:
            pass
        for x, y in columns:
            kinds = [next(c.type for c in one.table.columns if c.name == name) for one, name in ((left, x), (right, y))]
            if kind_of(kinds[0]) != kind_of(kinds[1]):
                told = f"{left.table.name}.{x} is {kinds[0]} and {right.table.name}.{y} is {kinds[1]}"
                self.warnings.append((place, told))
        yield from self._unique(right, [y for _, y in columns], (*place, "relationship_columns"))
        if len(columns) == 1 and self.probe.overlap(left.table, columns[0][0], right.table, columns[0][1]) is False:
            yield place, f"no value of {left.table.name}.{columns[0][0]} is in {right.table.name}.{columns[0][1]}"

    def _of_queries(self) -> Iterator[Said]:
        """Verified queries pass the checks as any SQL does; what these doubt is a warning."""
        laid = SemanticWarehouse(self.warehouse, self.model, self.source)
        places = {query.question: n for n, query in enumerate(self.model.verified_queries)}
        for query in self.found.semantics.verified:
            place: Place = ("verified_queries", places[query.question], "sql")
            report = check_sql(query.sql, laid, self.settings)
            yield from ((place, f"the checks refuse it: {problem.message}") for problem in report.problems)
            self.warnings += [(place, check.detail) for check in report.checks if check.outcome == "warned"]


def _named_places(model: SemanticModel) -> Iterator[tuple[tuple[str, str], Place]]:
    for place, one in all_named(model):
        step = place[1]
        home = model.tables[step].name if place[0] == "tables" and isinstance(step, int) else ""
        yield (home.casefold(), one.name.casefold()), place
