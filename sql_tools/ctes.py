"""Which CTE a name stands for: by where it stands, since an inner WITH hides an outer one, and either a stored table."""

from sqlglot import exp

from sql_tools.identifiers import same


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


def names_cte(table: exp.Table) -> bool:
    """Does a name in FROM stand for a CTE rather than for what is stored?"""
    if table.db:
        return False
    return any(same(cte.alias, table.name) for cte in (*ctes_before(table), *_recursive_around(table)))


def _recursive_around(node: exp.Expr) -> list[exp.CTE]:
    """The recursive CTEs that `node` is part of: these can be named too."""
    around = node.find_ancestor(exp.CTE)
    if around is None:
        return []
    recursive = around.parent is not None and around.parent.args.get("recursive")
    return [*([around] if recursive else []), *_recursive_around(around)]
