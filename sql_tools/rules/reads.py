"""Nothing but a read can run: an allow-list over every node of the tree and every function in it.

A deny list loses: each new statement, table function or file reader of an engine is open until somebody remembers it.
Here what is not named is refused. Given up: a function nobody has listed yet is refused too, until it is added to
`allowed_functions`, or to the setting `allow_functions`. Comments are no part of a tree: what runs is written without them.
"""

import re

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context
from sql_tools.query.tables import tables_named
from sql_tools.rules.allowed_functions import CLASSES, arity_of, classes_of, takes

NODES = frozenset(
    """Select Union Except Intersect Subquery With CTE From Join Where Group Having Qualify Order Ordered Limit Offset
    Fetch LimitOptions Distinct Window WindowSpec Filter WithinGroup IgnoreNulls RespectNulls GroupingSets Cube
    Rollup Values Lateral Unnest Pivot PivotAlias PivotAny TableSample Table TableAlias Alias Aliases Column
    Identifier Star Literal Null Boolean Paren Tuple Var DataType DataTypeParam Interval IntervalSpan Dot Bracket
    Slice Lambda Kwarg PropertyEQ Hint And Or Not Xor EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In
    Between Like ILike SimilarTo Glob Escape Add Sub Mul Div IntDiv Mod Neg DPipe BitwiseAnd BitwiseOr BitwiseXor
    BitwiseNot BitwiseLeftShift BitwiseRightShift Exists Any All AtTimeZone Collate Overlaps JSONPath JSONPathRoot
    JSONPathKey JSONPathSubscript JSONPathWildcard JSONPathSlice JSONKeyValue TableFromRows Comprehension RawString
    ByteString UnpivotColumns""".split()
)

ROWS = (exp.Query, exp.Table, exp.UDTF, exp.Paren)  # what parentheses in FROM may hold

WORDS = {
    "Insert": "INSERT", "Update": "UPDATE", "Delete": "DELETE", "Merge": "MERGE", "Create": "CREATE", "Drop": "DROP",
    "Alter": "ALTER", "TruncateTable": "TRUNCATE", "Copy": "COPY", "Command": "a command", "Set": "SET", "Use": "USE",
    "Pragma": "PRAGMA", "Attach": "ATTACH", "Detach": "DETACH", "Install": "INSTALL", "Export": "EXPORT",
    "Describe": "DESCRIBE", "Grant": "GRANT", "Revoke": "REVOKE", "Into": "SELECT INTO", "Lock": "FOR UPDATE",
    "Transaction": "a transaction", "Commit": "COMMIT", "Rollback": "ROLLBACK", "Kill": "KILL",
    "Parameter": "a parameter", "Placeholder": "a placeholder", "ReadCSV": "reading files", "ReadParquet": "reading files",
    "Summarize": "SUMMARIZE", "Show": "SHOW", "Comment": "COMMENT", "LoadData": "LOAD", "Execute": "EXECUTE",
}  # fmt: skip
INSTEAD = {  # reads that are not taken, by what to write instead
    "Connect": ("CONNECT BY", "Write it as WITH RECURSIVE, with a column that counts the depth."),
    "HistoricalData": ("Time travel (AT, BEFORE)", "Ask for the data as it is now."),
    "MatchRecognize": ("MATCH_RECOGNIZE", "Number the rows with window functions, and group by that."),
    "Pivot": ("PIVOT as a statement of its own", "Write SELECT * FROM t PIVOT (SUM(x) FOR c IN ('a', 'b'))."),
}


def only_a_select(tree: exp.Expr, context: Context) -> str:
    """The statement is a SELECT or a set operation of SELECTs; a write is fatal: no repair may turn it into something else."""
    root = tree
    while isinstance(root, (exp.Subquery, exp.Paren)):
        root = root.this
    if isinstance(root, exp.Pivot):
        _refuse_in_words("Pivot", "only_a_select")
    if not isinstance(root, (exp.Select, exp.SetOperation)):
        kind = WORDS.get(type(tree).__name__)
        raise InvalidSQLError(
            f"Only SELECT may run here; this is {kind or 'something else'}.", rule="only_a_select", fatal=bool(kind)
        )
    return "one SELECT"


def only_known_nodes(tree: exp.Expr, context: Context) -> str:
    """Every node of the tree, however deep, is of a kind that only reads."""
    count = 0
    for node in tree.walk():
        count += 1
        name = type(node).__name__
        of_type = isinstance(node, exp.ColumnDef) and isinstance(node.parent, exp.DataType)  # STRUCT(a INTEGER)
        listed = name in NODES or of_type or isinstance(node, (exp.Func, exp.AggFunc))
        if not listed and not _is_position(node, context):
            _refuse_in_words(name, "only_known_nodes")
        if isinstance(node, exp.Dot) and node.args.get("expression") is None:
            raise InvalidSQLError("A name ends in a dot.", rule="only_known_nodes")
        if isinstance(node, exp.Column) and not isinstance(node.this, (exp.Identifier, exp.Star)):
            raise InvalidSQLError(f"{node.sql()} is no column.", rule="only_known_nodes")
        inner = type(node.this).__name__ if isinstance(node, exp.Subquery) and not isinstance(node.this, ROWS) else ""
        if inner in INSTEAD:
            _refuse_in_words(inner, "only_known_nodes")
        if inner and inner not in WORDS:
            raise InvalidSQLError(f"{node.sql()} is no query.", rule="only_known_nodes")
    return f"{count} nodes, all of kinds that only read"


def _is_position(node: exp.Expr, context: Context) -> bool:
    """Is it Snowflake's `$1`, the first column of a VALUES in FROM? Of a table columns have names."""
    if context.dialect != "snowflake" or not (isinstance(node, exp.Parameter) and isinstance(node.this, exp.Literal)):
        return False
    select = node.find_ancestor(exp.Select)
    source = select.args.get("from_") if select is not None else None
    return source is not None and isinstance(source.this, exp.Values)


def _refuse_in_words(kind: str, rule: str) -> None:
    """InvalidSQLError that names what SQL calls it, not what the parser does."""
    if kind in INSTEAD:
        what, hint = INSTEAD[kind]
        raise InvalidSQLError(f"{what} is not taken here.", hint, rule=rule)
    word = WORDS.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).upper()
    raise InvalidSQLError(f"{word} is not allowed in a read.", rule=rule, fatal=kind in WORDS)


def only_known_functions(tree: exp.Expr, context: Context) -> str:
    """Every function is on the list, with as many arguments as it takes, or allowed by a setting under its full name."""
    count = 0
    for node in tree.find_all(exp.Func):
        name = _called(node)
        if name.lower() in context.limits.allowed_functions or _is_own_view(node, context):
            continue
        if (isinstance(node.parent, exp.Dot) and node.arg_key == "expression") or not _is_listed(node, context.dialect):
            raise InvalidSQLError(
                f"Function {name} is not on the list of functions that only compute.",
                "Use a standard aggregate, text, number or date function, without a schema or a dot before it.",
                rule="only_known_functions",
            )
        if problem := _arity_problem(node, context.dialect):
            raise InvalidSQLError(problem, "Give it the arguments it takes.", rule="only_known_functions")
        count += 1
    return f"{count} function calls, all listed"


def _is_own_view(node: exp.Func, context: Context) -> bool:
    """Is it `FROM duckdb_settings()` and the like, where a setting allows those?"""
    in_from = isinstance(node.parent, exp.Table)
    return in_from and context.limits.system_tables and bool(SYSTEM_TABLE.match(node.name))


def _called(node: exp.Func) -> str:
    """The function's name as SQL has it, with what stands before its dot."""
    name = node.name if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)) else node.sql_name()
    parts = [name]
    while isinstance(node.parent, exp.Dot) and node.arg_key == "expression":
        parts.append(node.parent.this.sql())
        node = node.parent  # type: ignore[assignment]
    return ".".join(reversed(parts)) if len(parts) > 1 else name


def _is_listed(node: exp.Func, dialect: str) -> bool:
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        return arity_of(node.name, dialect) is not None
    name = type(node).__name__
    return name in CLASSES or name in NODES or name in classes_of(dialect)


def _arity_problem(node: exp.Func, dialect: str) -> str:
    """What is wrong with the number of arguments; "" if nothing is."""
    if not isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        try:
            problems = node.error_messages()
        except TypeError:  # so sqlglot says that the node holds what it has no place for
            problems = ["it carries something that it does not take"]
        return f"{node.sql_name()}: {problems[0].lower()}." if problems else ""
    count = len(node.expressions)
    arity = arity_of(node.name, dialect)
    if arity is None or takes(arity, count):
        return ""
    least, most = arity
    wanted = f"{least} or more" if most is None else f"{least}" if least == most else f"{least} to {most}"
    return f"Function {node.name} takes {wanted} arguments, not {count}."


PATH = re.compile(r"[/\\:*?@]|\.(csv|tsv|txt|json|jsonl|ndjson|parquet|gz|zst|db|duckdb|sqlite|xlsx|arrow)$", re.I)
SYSTEM_SCHEMAS = frozenset(("information_schema", "account_usage", "organization_usage", "pg_catalog", "pg_temp"))
SYSTEM_TABLE = re.compile(r"(duckdb|pg|sqlite|pragma)_", re.I)
TABLE_CLAUSES = ("when", "changes", "version", "only", "rows_from", "system_time", "partition")
MAKES_ROWS = ("json_each", "json_tree")  # of a value, with DuckDB
ROW_SOURCES = (exp.Explode, exp.Flatten, exp.SplitToTable, exp.Generator, exp.GenerateSeries, exp.Unnest)


def only_plain_tables(tree: exp.Expr, context: Context) -> str:
    """FROM names tables and subqueries: no files, stages, system views, nor functions but those that make rows."""
    stored = {t.name.lower() for node in tree.find_all(exp.Table) for t in tables_named(node.name, context.catalog)}
    for table in tree.find_all(exp.Table):
        _check_source(table, stored, context)
        if clause := next((key for key in TABLE_CLAUSES if table.args.get(key)), ""):
            raise InvalidSQLError(
                f"{table.sql()} carries a clause that is not allowed: {clause.upper()}.", rule="only_plain_tables"
            )
    for rows in tree.find_all(exp.TableFromRows):
        if not isinstance(rows.this, ROW_SOURCES) and rows.this.name.lower() not in context.limits.allowed_functions:
            raise InvalidSQLError(
                f"TABLE({rows.this.sql()}) is not allowed: it may call a procedure or read another query's result.",
                "Read tables, or FLATTEN.",
                rule="only_plain_tables",
                fatal=True,
            )
    if context.dialect == "snowflake":
        _no_sequences(tree, context)
    return "no files, stages, system views or table functions"


def _check_source(table: exp.Table, stored: set[str], context: Context) -> None:
    """Refuse what is no table, a path, and the engine's own views."""
    if not isinstance(table.this, (exp.Identifier, exp.Unnest, exp.GenerateSeries)):
        name = table.this.name.lower() if isinstance(table.this, exp.Anonymous) else ""
        if name in MAKES_ROWS and context.dialect == "duckdb":
            return
        if (context.limits.system_tables and SYSTEM_TABLE.match(name)) or name in context.limits.allowed_functions:
            return
        raise InvalidSQLError(
            f"{table.sql()} is not a table of this warehouse.",
            "Read the tables that `arctic-copilot schema` lists.",
            rule="only_plain_tables",
            fatal=True,
        )
    if table.name.lower() in stored:
        return
    if PATH.search(table.name):
        raise InvalidSQLError(
            f"{table.name} looks like a file, and files are not read.", rule="only_plain_tables", fatal=True
        )
    in_system = {table.db.lower(), table.catalog.lower()} & {*SYSTEM_SCHEMAS, "system"}
    if not context.limits.system_tables and (in_system or SYSTEM_TABLE.match(table.name)):
        raise InvalidSQLError(
            f"{table.sql()} is one of the engine's own views, which tell about other people and their queries.",
            "Set ARCTIC_COPILOT_ALLOW_SYSTEM_TABLES=true if everybody who asks may read them.",
            rule="only_plain_tables",
            fatal=True,
        )


def _no_sequences(tree: exp.Expr, context: Context) -> None:
    """`seq.nextval` looks like a column and draws a number from a sequence, which is a write."""
    for column in tree.find_all(exp.Column):
        if column.name.lower() in ("nextval", "currval") and column.table:
            stored = (c.name.lower() for table in context.catalog for c in table.columns)
            if column.name.lower() not in stored:
                raise InvalidSQLError(
                    f"{column.sql()} draws from a sequence, which changes it.", rule="only_plain_tables", fatal=True
                )
