"""Valid SQL, its result -> the proof card: tables read, joins with their keys, filters, and the hashes that a replay compares.

Everything is read off the SQL that ran, parsed anew, and off the data; nothing is taken from the model's words.
"""

import getpass
from datetime import UTC, datetime
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from sqlglot import exp

from sql_tools.models import Context, OutputColumn, Proof, QueryResult, TableUsed, ValidSQL
from sql_tools.proof.describe import filters, reading
from sql_tools.proof.hashes import catalog_hash, rows_hash, text_hash
from sql_tools.proof.join_evidence import join_evidence
from sql_tools.proof.lineage import lineage
from sql_tools.query.join_keys import stored_table
from sql_tools.query.text import parse
from sql_tools.warehouses import Warehouse
from sql_tools.warehouses.probe import Probe

MAX_SECONDS = 1.0  # for all that is asked of the data


def proof(
    valid: ValidSQL,
    result: QueryResult,
    context: Context,
    warehouse: Warehouse,
    model: BaseChatModel,
    *,
    prompt_hash: str,
) -> Proof:
    """The card of one answer. Counts that take too long are left out; InvalidSQLError if the SQL cannot be read again."""
    tree = parse(valid.text, valid.dialect)
    return Proof(
        reading=reading(tree, context),
        columns=named_as(result, lineage(tree, context)),
        tables=tables_used(tree, context),
        joins=join_evidence(tree, context, Probe(warehouse, max_seconds=MAX_SECONDS)),
        filters=filters(tree, context),
        dialect=valid.dialect,
        sql=valid.text,
        sql_hash=text_hash(valid.text),
        warehouse=warehouse.name,
        role=warehouse.role or f"{_user()}@local",
        query_id=result.query_id or str(uuid4()),
        model=model_name(model),
        weights=str((model.metadata or {}).get("weights", "")),
        prompt_hash=prompt_hash,
        catalog_hash=catalog_hash(context.catalog),
        rows_hash=rows_hash(result.rows, ordered=is_ordered(tree)),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        checks=valid.checks,
    )


def tables_used(tree: exp.Expr, context: Context) -> tuple[TableUsed, ...]:
    """The stored tables the query reads, in the order named."""
    found = (stored_table(node, context) for node in tree.find_all(exp.Table, bfs=False))
    used = (TableUsed(name=".".join(t.path), row_count=t.row_count) for t in found if t is not None)
    return tuple(dict.fromkeys(used))


def named_as(result: QueryResult, columns: tuple[OutputColumn, ...]) -> tuple[OutputColumn, ...]:
    """The columns under the names the engine gave them; told to be unknown if the engine gave more or fewer."""
    if len(columns) != len(result.columns):
        return tuple(OutputColumn(name=told.name, expression="", complete=False) for told in result.columns)
    return tuple(
        column.model_copy(update={"name": told.name}) for column, told in zip(columns, result.columns, strict=True)
    )


def is_ordered(tree: exp.Expr) -> bool:
    """Does the outermost query say in which order its rows come?"""
    while isinstance(tree, exp.Subquery | exp.Paren) and tree.args.get("order") is None:
        tree = tree.this
    return tree.args.get("order") is not None


def model_name(model: BaseChatModel) -> str:
    """What the model calls itself."""
    return str(getattr(model, "model_name", "") or getattr(model, "model", "") or type(model).__name__)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user id without a name
        return "unknown"
