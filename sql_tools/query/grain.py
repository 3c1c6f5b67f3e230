"""Which rows of a SELECT's FROM stand for one row of which table: the grain of a join.

From the columns known to be fixed (of one table's row, of a group, equal to a constant) follow, along the equalities of
ON and WHERE, those of other tables; a table whose unique key is fixed adds at most one row. A table that is not reached
so may repeat the row one started from. Keys are the declared ones, those that GROUP BY and DISTINCT make in subqueries,
and what `is_unique` finds in the data. UNNEST, VALUES and lateral queries are sources without a key: many rows for one.
Given up: FROM with PIVOT, or with a source whose columns have no known names, is not judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from sql_tools.models import Column, Context, Table
from sql_tools.query.conditions import output_at, parts_of
from sql_tools.query.tables import tables_meant

Name = tuple[str, str]  # alias, column; lower case
IsUnique = Callable[[Table, frozenset[str]], bool]
Equality = tuple[Name, Name | None]  # the second is None for a constant
Origins = dict[str, tuple[Table, Column]]  # lower-case columns of a query that are stored ones, as they stand
Outputs = tuple[
    list[str], tuple[frozenset[str], ...], Origins
]  # lower-case columns of a query, its keys, where they come from
Known = dict[int, Outputs]  # by the scope's id: a CTE that many read is looked at once


@dataclass(frozen=True)
class Source:
    """One alias in FROM. `keys` are sets of lower-case columns unique in it; the empty set means a single row."""

    alias: str
    columns: tuple[str, ...]
    keys: tuple[frozenset[str], ...]
    table: Table | None = None
    shown: str = ""
    origins: Origins = field(default_factory=dict, compare=False)


class Grain:
    """FROM and WHERE of one SELECT: its sources by lower-case alias, and what equals what."""

    def __init__(self, select: exp.Select, sources: dict[str, Source]) -> None:
        self.select, self.sources = select, sources
        self.equalities = list(self._equalities())

    def home(self, column: exp.Column) -> Name | None:
        """The alias and column a column of this SELECT means; None for an output's name or a column from outside."""
        name = column.name.lower()
        if column.table:
            return (column.table.lower(), name) if column.table.lower() in self.sources else None
        homes = [alias for alias, source in self.sources.items() if name in source.columns]
        return (homes[0], name) if homes else None

    def reached(self, fixed: set[Name], start: set[str], is_unique: IsUnique | None = None) -> set[str]:
        """The aliases that have at most one row for each row of those in `start` and value of the columns `fixed`."""
        known, done = set(fixed), set(start)
        known |= {one for one, other in self.equalities if other is None}
        while True:
            before = len(known), len(done)
            for one, other in self.equalities:
                if other is not None and (one in known or one[0] in done or other in known or other[0] in done):
                    known |= {one, other}
            for alias, source in self.sources.items():
                columns = frozenset(column for owner, column in known if owner == alias)
                if alias not in done and _has_key(source, columns, is_unique):
                    done.add(alias)
            if (len(known), len(done)) == before:
                return done

    def neighbours(self, aliases: set[str], among: set[str]) -> list[str]:
        """Those of `among`, in FROM's order, that a condition ties to one of `aliases`; all of them if none is tied."""
        pairs = [(one[0], other[0]) for one, other in self.equalities if other]
        tied = {b for a, b in pairs if a in aliases} | {a for a, b in pairs if b in aliases}
        return [a for a in self.sources if a in among & tied] or [a for a in self.sources if a in among]

    def _equalities(self) -> Iterator[Equality]:
        joins = joins_of(self.select)
        where = self.select.args.get("where")
        for condition in [join.args.get("on") for join in joins] + [where.this if where else None]:
            for part in parts_of(condition):
                yield from self._equality(part)
        earlier = [self.select.args["from_"].this.alias_or_name.lower()]
        for join in joins:
            alias = join.this.alias_or_name.lower()
            shared = [column.name.lower() for column in join.args.get("using") or []]
            if (join.args.get("method") or "").upper() == "NATURAL":
                shared = [c for c in self.sources[alias].columns if any(c in self.sources[e].columns for e in earlier)]
            for column in shared:
                yield from (((e, column), (alias, column)) for e in earlier if column in self.sources[e].columns)
            earlier.append(alias)

    def _equality(self, part: exp.Expr) -> Iterator[Equality]:
        if not isinstance(part, (exp.EQ, exp.NullSafeEQ)):
            return
        sides = [part.this.unnest(), part.expression.unnest()]
        homes = [self.home(side) if isinstance(side, exp.Column) else None for side in sides]
        if homes[0] and homes[1]:
            if homes[0][0] != homes[1][0]:
                yield homes[0], homes[1]
            return
        for home, other in ((homes[0], sides[1]), (homes[1], sides[0])):
            if home and not any(self.home(column) for column in other.find_all(exp.Column)) and not _many(other):
                yield home, None


def grains(tree: exp.Expr, context: Context) -> Iterator[Grain]:
    """The grain of each SELECT in the tree whose FROM can be judged, inner ones first."""
    known: Known = {}
    for scope in traverse_scope(tree):
        if isinstance(scope.expression, exp.Select) and (sources := _sources(scope, context, known)):
            yield Grain(scope.expression, sources)


def joins_of(select: exp.Expr) -> list[exp.Expr]:
    """The joins that bring rows: SEMI and ANTI joins only let some go."""
    return [join for join in select.args.get("joins") or [] if not {join.side, join.kind} & {"SEMI", "ANTI"}]


def unjudged(tree: exp.Expr, context: Context) -> list[exp.Select]:
    """The SELECTs with a FROM that `grains` leaves out."""
    judged = {id(grain.select) for grain in grains(tree, context)}
    return [s for s in tree.find_all(exp.Select) if s.args.get("from_") and id(s) not in judged]


def own(select: exp.Select, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Nodes of a kind that belong to this SELECT itself, not to a subquery of it, nor to its FROM and WHERE."""
    parts = [*select.expressions, *(select.args[k] for k in ("having", "order", "qualify") if select.args.get(k))]
    return [n for part in parts for n in part.find_all(kind) if n.find_ancestor(exp.Select) is select]


def _many(node: exp.Expr) -> bool:
    """May comparing with this meet several values? A subquery is one value, a list or ANY are not."""
    return isinstance(node, (exp.Any, exp.All, exp.Tuple))


def _has_key(source: Source, columns: frozenset[str], is_unique: IsUnique | None) -> bool:
    if any(key <= columns for key in source.keys):
        return True
    return bool(columns and is_unique and source.table and is_unique(source.table, columns))


def _sources(scope: Scope, context: Context, known: Known) -> dict[str, Source]:
    """By lower-case alias; empty if there is none or one that cannot be judged."""
    select = scope.expression
    first = select.args.get("from_")
    nodes = [first.this if first else None, *(join.this for join in joins_of(select)), *select.args.get("laterals", ())]
    found: dict[str, Source] = {}
    for node in nodes:
        source = _source(node, scope, context, known) if node is not None else None
        if source is None or source.alias in found:
            return {}
        found[source.alias] = source
    return found


def _source(node: exp.Expr, scope: Scope, context: Context, known: Known) -> Source | None:
    if any(node.args.get(key) for key in ("pivots", "joins", "sample")):
        return None
    alias = node.alias_or_name
    if not isinstance(node, (exp.Table, exp.Subquery)) or not isinstance(node.this, (exp.Identifier, exp.Query)):
        return _made_rows(node, alias)
    inner = scope.sources.get(alias)
    if isinstance(inner, Scope):
        if id(inner) not in known:
            known[id(inner)] = _output(inner, context, known)
        renamed = [c.name.lower() for c in node.args["alias"].columns] if node.args.get("alias") else []
        columns, keys, origins = _called(known[id(inner)], renamed)
        return Source(alias.lower(), tuple(columns), keys, shown=alias, origins=origins) if columns else None
    table = stored(node, context) if isinstance(node, exp.Table) else None
    if table is None:
        return None
    columns = [column.name.lower() for column in table.columns]
    keys = (frozenset(c.lower() for c in table.primary_key),) if table.primary_key else ()
    return Source(alias.lower(), tuple(columns), keys, table=table, shown=table.name)


def _made_rows(node: exp.Expr, alias: str) -> Source | None:
    """UNNEST, VALUES, a lateral query or a table function: rows without a key, for each row beside it."""
    given = node.args.get("alias")
    columns = [c.name.lower() for c in given.columns] if isinstance(given, exp.TableAlias) else []
    keys: tuple[frozenset[str], ...] = ()
    if isinstance(node, exp.Values) and not columns and isinstance(node.expressions[0], exp.Tuple):
        width = len(node.expressions[0].expressions)
        columns = [
            *(f"col{n}" for n in range(width)),
            *(f"column{n + 1}" for n in range(width)),
        ]  # DuckDB's, Snowflake's
    query = node.this.unnest() if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Expr) else None
    if isinstance(query, exp.Select) and not query.is_star:
        columns = columns or [e.alias_or_name.lower() for e in query.expressions]
        keys = (frozenset(),) if _is_one_row(query) else ()
    if isinstance(node, exp.Values) and len(node.expressions) == 1:
        keys = (frozenset(),)
    if isinstance(node, exp.Unnest) and not columns:
        columns = ["unnest"]
    shown = alias or ("a table function" if isinstance(node, exp.Table) else type(node).__name__.upper())
    return Source(alias.lower(), tuple(columns), keys, shown=shown) if columns else None


def _is_one_row(query: exp.Select) -> bool:
    """Does it give one row at most: a total, or what LIMIT 1 leaves?"""
    limit = query.args.get("limit")
    if limit is not None and limit.expression is not None and limit.expression.sql() == "1":
        return True
    outputs = query.expressions
    return not query.args.get("group") and all(e.find(exp.AggFunc) and not e.find(exp.Window) for e in outputs)


def stored(node: exp.Table, context: Context) -> Table | None:
    """The catalog's table that FROM names; None if it names none."""
    return next(iter(tables_meant(node, context.catalog)), None)


def _output(scope: Scope, context: Context, known: Known) -> Outputs:
    """The lower-case output columns of a subquery or CTE, and the keys its shape gives them."""
    query = scope.expression
    if isinstance(query, exp.Values) and (made := _made_rows(query, "values")) is not None:
        return _called((list(made.columns), made.keys, {}), [name.lower() for name in scope.outer_columns])
    if not isinstance(query, exp.Query):
        return [], (), {}
    outer = [name.lower() for name in scope.outer_columns]
    names = _names_of(query, scope, context, known)
    if not names or not isinstance(query, exp.Select):
        return _called((names, (frozenset(names),) if query.args.get("distinct") else (), {}), outer)
    keys: list[frozenset[str]] = []
    if group := query.args.get("group"):
        plain = {e.unalias().sql().lower(): e.alias_or_name.lower() for e in query.expressions}
        plain |= {str(n): name for n, name in enumerate(names, 1)} | {name: name for name in names}
        outputs = [plain.get(e.sql().lower()) for e in group.expressions]
        if outputs and all(outputs) and not group.find(exp.Cube, exp.Rollup, exp.GroupingSets):
            keys.append(frozenset(filter(None, outputs)))
    elif _is_one_row(query):
        keys.append(frozenset())
    elif sources := _sources(scope, context, known):
        keys += _passed_on(query, sources)
    if query.args.get("distinct"):
        keys.append(frozenset(names))
    origins = _origins(query, _sources(scope, context, known))
    return _called((names, tuple(keys), origins), outer)


def _called(outputs: Outputs, names: list[str]) -> Outputs:
    """The outputs under the names an alias gives the first of them."""
    columns, keys, origins = outputs
    if not names or not columns:
        return outputs
    renamed = [*names, *columns[len(names) :]]
    to = dict(zip(columns, renamed, strict=False))
    moved = tuple(frozenset(to[c] for c in key) for key in keys if all(c in to for c in key))
    return renamed, moved, {to[c]: home for c, home in origins.items() if c in to}


def _origins(query: exp.Select, sources: dict[str, Source]) -> Origins:
    """The stored column behind each output that is one as it stands."""
    if not sources:
        return {}
    grain, found = Grain(query, sources), Origins()
    for e in query.expressions:
        if e.is_star:
            for source in sources.values():
                found |= {c: home for c in source.columns if (home := _stored_in(source, c)) is not None}
        elif isinstance(e.unalias(), exp.Column) and (name := grain.home(e.unalias())):
            home = _stored_in(sources[name[0]], name[1])
            found |= {e.alias_or_name.lower(): home} if home else {}
    return found


def _stored_in(source: Source, column: str) -> tuple[Table, Column] | None:
    if source.table is None:
        return source.origins.get(column)
    return next(((source.table, c) for c in source.table.columns if c.name.lower() == column), None)


def _names_of(query: exp.Query, scope: Scope, context: Context, known: Known) -> list[str]:
    """The lower-case names of a query's outputs, stars written out; empty where one cannot be."""
    if not query.is_star:
        return [select.alias_or_name.lower() for select in query.selects]
    if not isinstance(query, exp.Select) or not (sources := _sources(scope, context, known)):
        return []
    names: list[str] = []
    for select in query.selects:
        if not select.is_star:
            names.append(select.alias_or_name.lower())
            continue
        star = select.this if isinstance(select, exp.Column) else select
        wanted = select.table.lower() if isinstance(select, exp.Column) else ""
        if star.args.get("rename") or isinstance(select, exp.Alias) or (wanted and wanted not in sources):
            return []
        left_out = {e.name.lower() for e in star.args.get("except_") or ()}
        columns = [c for alias, source in sources.items() if wanted in ("", alias) for c in source.columns]
        names += [column for column in columns if column not in left_out]
    shared = {c.name.lower() for join in joins_of(query) for c in join.args.get("using") or ()}
    twice = {name for name in names if names.count(name) > 1}
    return [] if twice - shared else list(dict.fromkeys(names))


def _passed_on(query: exp.Select, sources: dict[str, Source]) -> Iterator[frozenset[str]]:
    """Keys of the inner tables that give each row of the subquery at most once, in the subquery's names."""
    grain = Grain(query, sources)
    renamed: dict[Name, str] = {}
    if any(
        e.find(exp.Explode, exp.Posexplode) for e in query.expressions
    ):  # SELECT id, UNNEST(list): many rows for one
        return
    for e in query.expressions:
        column = e.unalias()
        if e.is_star:
            replaced = {r.alias.lower() for r in e.find_all(exp.Alias)} | {
                c.name.lower() for c in e.find_all(exp.Column)
            }
            for alias, source in sources.items():
                renamed |= {(alias, c): c for c in source.columns if c not in replaced}
        elif isinstance(column, exp.Column) and (home := grain.home(column)):
            renamed[home] = e.alias_or_name.lower()
    for alias, source in sources.items():
        for key in source.keys:
            if all((alias, column) in renamed for column in key) and grain.reached(set(), {alias}) == set(sources):
                yield frozenset(renamed[alias, column] for column in key)


def groups_of(grain: Grain) -> list[exp.Expr] | None:
    """What is grouped by, positions and output names resolved; None for ROLLUP and the like, and for a position that
    names no output, or one after a star."""
    group = grain.select.args.get("group")
    if group is None:
        return []
    if group.args.get("all") or group.args.get("totals") or group.find(exp.Cube, exp.Rollup, exp.GroupingSets):
        return None
    outputs = {e.alias.lower(): e.unalias() for e in grain.select.expressions if e.alias}
    resolved = []
    for e in group.expressions:
        if isinstance(e, exp.Literal) and e.is_int:
            output = output_at(int(e.name), grain.select)
            if output is None:
                return None
            e = output.unalias()
        elif isinstance(e, exp.Column) and not e.table and grain.home(e) is None:
            e = outputs.get(e.name.lower(), e)
        resolved.append(e)
    return resolved


def stored_column(home: Name | None, grain: Grain) -> tuple[Table | None, Column | None]:
    """The catalog's table and column behind an alias and name, through subqueries that pass it on as it stands; else None."""
    found = _stored_in(grain.sources[home[0]], home[1]) if home else None
    return found if found else (None, None)
