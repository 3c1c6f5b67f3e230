"""Which column each name in a query means: sqlglot's own binder over the stored tables that the query names.

It works on a copy, which is never run or shown: `bind` tells whether every name means something, what does not, and what
type each expression has. Fields of structs, which sqlglot takes on trust, are looked up here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from sql_tools.models import Context, Table
from sql_tools.query.tables import names_cte, tables_meant

HIDDEN = {"duckdb": {"rowid": "BIGINT"}}  # what every stored table has beside its columns


@dataclass(frozen=True)
class Bound:
    """`tree` is the copy, each column with its table and each node with its type; None where a name means nothing, and
    then `problem` says why in sqlglot's words, and `name` which."""

    tree: exp.Expr | None
    problem: str = ""
    name: str = ""


def bind(tree: exp.Expr, context: Context) -> Bound:
    """What the names of a query mean. Its tables are known ones; nothing is changed."""
    return _bind(_Same(tree, context))


class _Same:
    """A tree and a context that equal themselves alone: the rules ask the same of one tree, one after the other."""

    def __init__(self, tree: exp.Expr, context: Context) -> None:
        self.tree, self.context = tree, context

    def __hash__(self) -> int:
        return hash((id(self.tree), id(self.context)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.tree is other.tree and self.context is other.context


@lru_cache(maxsize=2)
def _bind(asked: _Same) -> Bound:
    tree, context = asked.tree.copy(), asked.context
    schema = _schema(tree, context)
    try:
        tree = qualify(
            tree, dialect=context.dialect, schema=schema, expand_stars=True, quote_identifiers=False, identify=False
        )
        tree = annotate_types(tree, schema=schema, dialect=context.dialect)
    except (SqlglotError, RecursionError) as error:
        words = str(error).split("\n")[0].split(" Line: ")[0].strip()
        return Bound(None, words or type(error).__name__, _name_in(words))
    except Exception as error:  # what sqlglot stumbles over is not bound
        return Bound(None, f"sqlglot's binder broke on it ({type(error).__name__})")
    return _with_fields(tree)


def _name_in(words: str) -> str:
    found = re.search(r"(?:Column|Unknown column:|Unknown table:|resolve) '?\"?([^'\"]+)", words)
    return found[1].strip() if found else ""


def _with_fields(tree: exp.Expr) -> Bound:
    """The tree, unless a struct in it has no field of the name asked for."""
    for dot in tree.find_all(exp.Dot):
        inner, name = dot.this, dot.expression.name
        kind = inner.type
        if not isinstance(dot.expression, exp.Identifier) or kind is None or not kind.is_type(exp.DType.STRUCT):
            continue
        fields = [field.name.casefold() for field in kind.expressions if field.name]
        if fields and name.casefold() not in fields:
            told = f"{inner.sql()} has no field {name}; it has {', '.join(fields)}"
            return Bound(None, told, name)
    return Bound(tree)


def _schema(tree: exp.Expr, context: Context) -> MappingSchema:
    """The stored tables in it, each under a name of its own: so that schemas, quotes and case need no second look."""
    columns: dict[str, object] = {}
    for number, values in enumerate(list(tree.find_all(exp.Values))):
        _name_values(values, number, context.dialect)
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier) or names_cte(node, context.dialect):
            continue
        meant = tables_meant(node, context.catalog)
        if len(meant) != 1:
            continue
        name = f"stored_{len(columns)}__" if context.dialect == "duckdb" else f"STORED_{len(columns)}__"
        if not node.alias:
            alias = node.args.get("alias") or exp.TableAlias()
            alias.set("this", node.this.copy())
            node.set("alias", alias)
        node.set("this", exp.to_identifier(name))
        node.set("db", None)
        node.set("catalog", None)
        columns[name] = _columns(meant[0], context.dialect)
    return MappingSchema(columns, dialect=context.dialect, normalize=False)


def _name_values(values: exp.Values, number: int, dialect: str) -> None:
    """Columns of VALUES that have no names get those the engine gives them: col0 in DuckDB, COLUMN1 in Snowflake."""
    home = values.parent if isinstance(values.parent, exp.Subquery) and values.parent.alias else values
    alias = home.args.get("alias") or exp.TableAlias(this=exp.to_identifier(f"values_{number}__"))
    width = (
        len(values.expressions[0].expressions)
        if values.expressions and isinstance(values.expressions[0], exp.Tuple)
        else 0
    )
    if (
        isinstance(values.find_ancestor(exp.From, exp.Join, exp.Select), (exp.From, exp.Join))
        and not alias.columns
        and width
    ):
        names = [f"col{n}" if dialect == "duckdb" else f"COLUMN{n + 1}" for n in range(width)]
        alias.set("columns", [exp.to_identifier(name) for name in names])
        home.set("alias", alias)


def _columns(table: Table, dialect: str) -> dict[str, object]:
    hidden = {name: _type(kind, dialect) for name, kind in HIDDEN.get(dialect, {}).items()}
    fold = str.lower if dialect == "duckdb" else str
    return {**hidden, **{fold(column.name): _type(column.type, dialect) for column in table.columns}}


@lru_cache(maxsize=4096)
def _type(name: str, dialect: str) -> exp.DataType:
    """The stored type as sqlglot has it; unknown where it has none."""
    try:
        return exp.DataType.build(name, dialect=dialect, udt=True)
    except (SqlglotError, ValueError):
        return exp.DataType.build("UNKNOWN")
