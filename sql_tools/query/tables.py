"""Which stored table or CTE a name in SQL means. Tables are looked up by name, so the cost does not grow with the catalog."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from sqlglot import exp

from sql_tools.models import Table
from sql_tools.query.identifiers import same

Tables = tuple[Table, ...]


def tables_named(name: str, catalog: Tables) -> Tables:
    """The catalog's tables of that name in any case, in the catalog's order."""
    return _by_name(_Same(catalog)).get(name.casefold(), ())


def tables_meant(node: exp.Table, catalog: Tables) -> Tables:
    """The catalog's tables that a node of FROM may mean: as many of its parts as are written agree.

    Where names differ only in case, as quoted ones may on Snowflake, those written letter by letter as the node win;
    where schemas have namesakes, the one that needs no schema.
    """
    hits = [t for t in tables_named(node.name, catalog) if not node.db or same(node.db, t.schema_name)]
    if node.catalog:
        hits = [t for t in hits if same(node.catalog, t.database)]
    if len(hits) > 1:
        hits = [t for t in hits if t.name == node.name] or hits
    if len(hits) > 1 and not node.db:
        hits = [t for t in hits if t.in_default_schema] or hits
    if len(hits) > 1 and not node.catalog:
        hits = [t for t in hits if t.in_default_database] or hits
    return tuple(hits)


class _Same:
    """A catalog that equals itself alone: to hash all its tables would cost more than to look for one."""

    def __init__(self, catalog: Tables) -> None:
        self.catalog = catalog

    def __hash__(self) -> int:
        return id(self.catalog)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.catalog is other.catalog


@lru_cache(maxsize=8)
def _by_name(kept: _Same) -> Mapping[str, Tables]:
    found = defaultdict[str, list[Table]](list)
    for table in kept.catalog:
        found[table.name.casefold()].append(table)
    return {name: tuple(tables) for name, tables in found.items()}


def ctes_before(node: exp.Expr) -> list[exp.CTE]:
    """The CTEs that can be named where `node` stands, outermost first; of two with one name the later one is meant."""
    seen: list[exp.CTE] = []
    inside: exp.Expr | None = None  # the CTE of the next WITH that holds `node`: it and those after it cannot be named
    place: exp.Expr | None = node
    while place is not None:
        with_ = place.args.get("with_") if isinstance(place, exp.Query) else None
        if with_ is not None:
            cut = next((n for n, cte in enumerate(with_.expressions) if cte is inside), len(with_.expressions))
            seen = [*with_.expressions[:cut], *seen]
        if isinstance(place, exp.CTE):
            inside = place
        place = place.parent
    return seen


def names_cte(table: exp.Table, dialect: str = "") -> bool:
    """Does a name in FROM stand for a CTE rather than for what is stored?"""
    if table.db:
        return False
    around = [cte for cte in _ctes_around(table) if may_read_itself(cte, dialect)]
    return any(same(cte.alias, table.name) for cte in (*ctes_before(table), *around))


def may_read_itself(cte: exp.CTE, dialect: str) -> bool:
    """Does its own name mean the CTE inside it? With the word RECURSIVE, which Snowflake needs not."""
    with_ = cte.parent
    recursive = with_ is not None and bool(with_.args.get("recursive"))
    return recursive or (dialect == "snowflake" and isinstance(cte.this, exp.SetOperation))


def _ctes_around(node: exp.Expr) -> list[exp.CTE]:
    """The CTEs that `node` is part of."""
    around = node.find_ancestor(exp.CTE)
    return [around, *_ctes_around(around)] if around is not None else []
