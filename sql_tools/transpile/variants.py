"""VARIANT, OBJECT and ARRAY: JSON in DuckDB, whose text is quoted until it is asked for as text."""

from sqlglot import exp

TEXT_TYPES = ("varchar", "text", "char", "nchar", "nvarchar")
COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.DPipe)


def text_of_variant(node: exp.Expr) -> exp.Expr:
    """path::VARCHAR is the text itself, where DuckDB's cast leaves JSON's quotes. Source: functions/flatten, Examples."""
    if not node.args["to"].is_type(*TEXT_TYPES) or not _is_variant(node.this):
        return node
    return _as_text(node.this)


def compared_as_text(node: exp.Expr) -> exp.Expr:
    """A path compared with anything else is read as that: DuckDB would read the other as JSON, and fail or find nothing.

    Source: user-guide/querying-semistructured.
    """
    if isinstance(node, exp.In):
        return _in_list(node)
    if not isinstance(node, COMPARED) or _is_variant(node.this) == _is_variant(node.expression):
        return node
    new = node.copy()
    path, other = ("this", "expression") if _is_variant(node.this) else ("expression", "this")
    new.set(path, _as_type_of(node.args[path], node.args[other]))
    return new


def _in_list(node: exp.Expr) -> exp.Expr:
    if not _is_variant(node.this) or not node.expressions:
        return node
    new = node.copy()
    new.set("this", _as_type_of(node.this, node.expressions[0]))
    return new


def _as_type_of(path: exp.Expr, other: exp.Expr) -> exp.Expr:
    """The path's value as text, or in the other's type, which DuckDB knows and we need not."""
    if other.is_string:
        return _as_text(path)
    return exp.Anonymous(this="CAST_TO_TYPE", expressions=[_as_text(path), other.copy()])


def _is_variant(node: exp.Expr) -> bool:
    """A path into a variant, parsed JSON, or FLATTEN's value."""
    if isinstance(node, exp.Paren):
        return _is_variant(node.this)
    if isinstance(node, exp.Column):
        return node.name.upper() == "VALUE" and _is_flattened(node)
    return isinstance(node, exp.JSONExtract | exp.ParseJSON)


def _is_flattened(column: exp.Expr) -> bool:
    """Does the column's table come out of a FLATTEN?"""
    select = column.find_ancestor(exp.Select)
    sources = select.find_all(exp.Lateral, exp.TableFromRows) if select else ()
    return any(
        source.find(exp.Explode) and source.alias.upper() in (column.text("table").upper(), "") for source in sources
    )


def _as_text(node: exp.Expr) -> exp.Expr:
    root = exp.Literal.string("$")
    return exp.Anonymous(this="JSON_EXTRACT_STRING", expressions=[node.copy(), root])


def object_construct(node: exp.Expr) -> exp.Expr:
    """An object without the pairs whose value is NULL. Source: functions/object_construct, Usage notes."""
    pairs = []
    for pair in node.expressions:
        if not isinstance(pair, exp.PropertyEQ):
            return node
        key = pair.this if pair.this.is_string else exp.Literal.string(pair.name)
        pairs.append(f"{{'k': {key.sql('duckdb')}, 'v': TO_JSON({pair.expression.sql('duckdb')})}}")
    listed = f"LIST_FILTER([{', '.join(pairs)}], LAMBDA pair: pair.v IS NOT NULL)"
    return exp.Anonymous(this="TO_JSON", expressions=[_duckdb(f"MAP_FROM_ENTRIES({listed})")])


def object_agg(node: exp.Expr) -> exp.Expr:
    """Keys and values in one object; pairs with NULL are left out. Source: functions/object_agg, Usage notes."""
    key, value = node.this.sql("duckdb"), node.expression.sql("duckdb")
    pairs = f"LIST({{'k': {key}, 'v': TO_JSON({value})}}) FILTER (WHERE NOT {key} IS NULL AND NOT {value} IS NULL)"
    return _duckdb(f"TO_JSON(MAP_FROM_ENTRIES({pairs}))")


def flatten(node: exp.Expr) -> exp.Expr:
    """FLATTEN as a lateral query over JSON_EACH: an object has keys, an array indexes. Source: functions/flatten, Output."""
    explode = node.this if isinstance(node.this, exp.Explode) else None
    if explode is None:
        return node
    given = _arguments(explode)
    whole, path = f"TO_JSON({given['INPUT'].sql('duckdb')})", "LTRIM(SUBSTR(each.fullkey, 2), '.')"  # without `$.`
    if "PATH" in given:
        root = given["PATH"].sql("duckdb")
        whole, path = f"JSON_EXTRACT({whole}, '$.' || {root})", f"{root} || SUBSTR(each.fullkey, 2)"
    rows = f"JSON_EACH({whole}) AS each"
    if given.get("OUTER", exp.false()) == exp.true():
        rows, path = f"(SELECT 1 AS one) AS one LEFT JOIN {rows} ON TRUE", f"COALESCE({path}, '')"
    query = (
        f"SELECT 1 AS seq, CASE WHEN JSON_TYPE({whole}) = 'OBJECT' THEN each.key END AS key, {path} AS path, "
        f"CASE WHEN JSON_TYPE({whole}) = 'ARRAY' THEN CAST(each.key AS BIGINT) END AS index, each.value AS value, "
        f"{whole} AS this FROM {rows}"
    )
    name = exp.to_identifier(node.alias or "_flattened")
    return exp.Lateral(this=exp.Subquery(this=_duckdb(query)), alias=exp.TableAlias(this=name))


def _arguments(explode: exp.Expr) -> dict[str, exp.Expr]:
    """FLATTEN's arguments by their names."""
    first, *rest = (explode.this, *explode.expressions)
    named = {arg.name.upper(): arg.expression for arg in (first, *rest) if isinstance(arg, exp.Kwarg)}
    return named if isinstance(first, exp.Kwarg) else {"INPUT": first, **named}


def _duckdb(sql: str) -> exp.Expr:
    return exp.maybe_parse(sql, dialect="duckdb")
