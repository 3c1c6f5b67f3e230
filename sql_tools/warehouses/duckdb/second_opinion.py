"""DuckDB's own parse of a statement against sqlglot's: it may see no table and no function that we do not see.

The checks read sqlglot's tree, the engine runs what its own parser makes of the text. `json_serialize_sql` gives that parse
as JSON; it is asked of every statement before it runs.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import Dialect, exp
from sqlglot.tokenizer_core import TokenType

from sql_tools.errors import WarehouseError

HINT = "Write it in a plainer way."
# Functions that stand for syntax: COUNT(*), [1, 2], {'a': 1}, x[1], EXTRACT, INTERVAL, AT TIME ZONE, LIKE .. ESCAPE, TRIM, and so on.
SYNTAX = frozenset(
    """count_star list_apply list_filter list_value list_slice array_slice array_extract struct_extract struct_pack row map
    date_part date_trunc timezone substring overlay position strpos trim ltrim rtrim like_escape not_like_escape ilike_escape
    not_ilike_escape regexp_full_match to_years to_quarters to_months to_weeks to_days to_hours to_minutes to_seconds to_milliseconds
    to_microseconds to_decades to_centuries to_millennia trunc concat current_date current_time current_timestamp
    get_current_timestamp get_current_time today now localtime localtimestamp current_localtime current_localtimestamp
    quantile_cont quantile_disc mode string_agg first grouping unnest generate_series coalesce pow xor contains collate
    array_agg list try construct_array json_extract json_extract_string""".split()
)


def require_same_reading(sql: str, serialized: str) -> None:
    """WarehouseError where DuckDB's parse, as its JSON, holds a table or function that sqlglot's tree of `sql` has not."""
    read = json.loads(serialized)
    if read.get("error"):
        raise WarehouseError(f"DuckDB does not tell how it reads the SQL: {read.get('error_message')}.", HINT)
    tokens = sqlglot.tokenize(sql, read="duckdb")
    trees = Dialect.get_or_raise("duckdb").parser().parse(tokens, sql)
    ours = {table.name.lower() for tree in trees if tree for table in tree.find_all(exp.Table)}
    called = {word.text.lower() for word, after in pairwise(tokens) if after.token_type is TokenType.L_PAREN} | SYNTAX
    for kind, name in _seen(read):
        if name not in (ours if kind == "table" else called):
            raise WarehouseError(f"DuckDB reads the {kind} {name} in the SQL, and the checks did not.", HINT)


def _seen(node: Any) -> Iterator[tuple[str, str]]:
    """(table or function, its name in lower case) of everything in the parse but operators."""
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield "table", str(node["table_name"]).lower()
        if "function_name" in node and not node.get("is_operator"):
            yield "function", str(node["function_name"]).lower()
        for value in node.values():
            yield from _seen(value)
    elif isinstance(node, list):
        for value in node:
            yield from _seen(value)
