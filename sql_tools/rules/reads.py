"""Nothing but a read can run: an allow-list over every node of the tree and every function in it.

A deny list loses: each new statement, table function or file reader of an engine is open until somebody remembers it.
Here what is not named is refused. Given up: a function nobody has listed yet is refused too, until it is added below.
"""

from sqlglot import exp

from sql_tools.errors import InvalidSQLError
from sql_tools.models import Context

NODES = frozenset(
    """Select Union Except Intersect Subquery With CTE From Join Where Group Having Qualify Order Ordered Limit Offset
    Fetch LimitOptions Distinct Window WindowSpec Filter WithinGroup IgnoreNulls RespectNulls GroupingSets Cube
    Rollup Values Lateral Unnest Pivot PivotAlias PivotAny TableSample Table TableAlias Alias Aliases Column
    Identifier Star Literal Null Boolean Paren Tuple Var DataType DataTypeParam Interval IntervalSpan Dot Bracket
    Slice Lambda Kwarg PropertyEQ Hint Nearest And Or Not Xor EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In
    Between Like ILike SimilarTo Glob Escape Add Sub Mul Div IntDiv Mod Neg DPipe BitwiseAnd BitwiseOr BitwiseXor
    BitwiseNot BitwiseLeftShift BitwiseRightShift Exists Any All AtTimeZone Collate Overlaps JSONPath JSONPathRoot
    JSONPathKey JSONPathSubscript JSONPathWildcard JSONPathSlice""".split()
)

FUNCTIONS = frozenset(
    """Count CountIf Sum Avg Min Max Median Mode Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp
    Quantile ApproxQuantile PercentileCont PercentileDisc ApproxDistinct ArgMin ArgMax AnyValue First Last
    GroupConcat ArrayAgg LogicalAnd LogicalOr Skewness Kurtosis RegrSlope RegrIntercept RegrR2 RegrCount Grouping
    GroupingId RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Abs Ceil
    Floor Round Trunc Sign Sqrt Cbrt Exp Ln Log Pow Pi Degrees Radians Sin Cos Tan Cot Asin Acos Atan Atan2
    Factorial Greatest Least IsNan IsInf WidthBucket SafeDivide Concat ConcatWs Lower Upper Initcap Length Left
    Right Substring Trim Pad Replace Reverse Repeat Contains StartsWith EndsWith StrPosition Split SplitPart
    Translate Ascii Chr Unicode Levenshtein JarowinklerSimilarity Format RegexpLike RegexpILike RegexpExtract
    RegexpExtractAll RegexpReplace RegexpFullMatch RegexpCount RegexpSplit Cast TryCast If Case Coalesce Nullif Nvl2
    EqualNull DecodeCase ToChar ToNumber ToDouble ToBoolean CurrentDate CurrentTimestamp CurrentTime Localtime
    Localtimestamp CurrentDatetime DateAdd DateSub DateDiff DateTrunc TimestampTrunc TimestampAdd TimestampSub
    TimestampDiff DatetimeAdd DatetimeDiff DatetimeTrunc TimeTrunc TsOrDsAdd TsOrDsDiff AddMonths MonthsBetween
    LastDay Extract Year Quarter Month Week Day Hour Minute Second DayOfWeek DayOfWeekIso DayOfMonth DayOfYear
    WeekOfYear Dayname Monthname YearOfWeek Date Timestamp Time DateFromParts TimestampFromParts TimeFromParts
    StrToDate StrToTime TimeToStr TimeStrToTime TimeStrToDate DateStrToDate TsOrDsToDate TsOrDsToTimestamp
    TsOrDsToDatetime TsOrDiToDi DateToDateStr TimeToUnix UnixToTime UnixToStr StrToUnix UnixSeconds DateBin
    ConvertTimezone MakeInterval Array List Struct StructExtract ArraySize ArrayContains ArrayConcat ArrayDistinct
    ArraySort ArraySlice ArrayToString ArrayPosition ArraySum ArrayMin ArrayMax Explode Unnest Flatten
    GenerateSeries GenerateDateArray ParseJSON JSONExtract JSONExtractScalar JSONType JSONKeys JSONArrayContains
    ToVariant Map MapKeys""".split()
)

# Functions sqlglot has no class for, by lower-case name.
NAMED_FUNCTIONS = frozenset(
    """strftime strptime try_strptime date_part date_sub datesub datediff age epoch epoch_ms make_date make_timestamp
    dayname monthname isodow week yearweek century decade era last_day list_value list_contains list_aggregate
    list_sort list_distinct list_filter array_length len cardinality string_agg listagg group_concat bool_and
    bool_or product entropy mad sem histogram approx_top_k max_by min_by lcase ucase instr strpos prefix suffix
    starts_with ends_with printf format lpad rpad ltrim rtrim concat_ws regexp_matches regexp_split_to_array
    string_split str_split strip_accents jaccard editdist3 damerau_levenshtein ifnull nvl iff zeroifnull nullifzero
    div0 div0null square haversine even gcd lcm fdiv fmod isfinite to_char to_varchar to_date to_timestamp
    try_to_date try_to_number try_to_timestamp to_decimal try_cast total julianday date time datetime array_size
    object_keys typeof""".split()
)

WORDS = {
    "Insert": "INSERT", "Update": "UPDATE", "Delete": "DELETE", "Merge": "MERGE", "Create": "CREATE", "Drop": "DROP",
    "Alter": "ALTER", "TruncateTable": "TRUNCATE", "Copy": "COPY", "Command": "a command", "Set": "SET", "Use": "USE",
    "Pragma": "PRAGMA", "Attach": "ATTACH", "Detach": "DETACH", "Install": "INSTALL", "Export": "EXPORT",
    "Describe": "DESCRIBE", "Grant": "GRANT", "Revoke": "REVOKE", "Into": "SELECT INTO", "Lock": "FOR UPDATE",
    "Transaction": "a transaction", "Commit": "COMMIT", "Rollback": "ROLLBACK", "Kill": "KILL",
    "Parameter": "a parameter", "Placeholder": "a placeholder", "ReadCSV": "reading files", "ReadParquet": "reading files",
    "Summarize": "SUMMARIZE", "Show": "SHOW", "Comment": "COMMENT", "LoadData": "LOAD", "Execute": "EXECUTE",
}  # fmt: skip


def only_a_select(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """The statement is a SELECT or a set operation of SELECTs; a write is fatal: no repair may turn it into something else."""
    root = tree
    while isinstance(root, (exp.Subquery, exp.Paren)):
        root = root.this
    if not isinstance(root, (exp.Select, exp.SetOperation)):
        kind = WORDS.get(type(tree).__name__)
        raise InvalidSQLError(
            f"Only SELECT may run here; this is {kind or 'something else'}.", rule="only_a_select", fatal=bool(kind)
        )
    return tree, "one SELECT"


def only_known_nodes(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Every node of the tree, however deep, is of a kind that only reads."""
    count = 0
    for node in tree.walk():
        count += 1
        name = type(node).__name__
        if name not in NODES and not isinstance(node, (exp.Func, exp.AggFunc)):
            word = WORDS.get(name, name)
            raise InvalidSQLError(f"{word} is not allowed in a read.", rule="only_known_nodes", fatal=name in WORDS)
    return tree, f"{count} nodes, all of kinds that only read"


def only_known_functions(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """Every function is on the list; file readers, settings, sequences and system functions are not."""
    names = []
    for node in tree.find_all(exp.Func):
        name = type(node).__name__
        called = node.name if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)) else name
        listed = called.lower() in NAMED_FUNCTIONS if called is not name else name in FUNCTIONS or name in NODES
        if not listed or isinstance(node.parent, exp.Dot):
            shown = called if called is not name else node.sql_name()
            raise InvalidSQLError(
                f"Function {shown} is not on the list of functions that only compute.",
                "Use a standard aggregate, text, number or date function.",
                rule="only_known_functions",
            )
        names.append(called)
    return tree, f"{len(names)} function calls, all listed"


def only_plain_tables(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """FROM names tables and subqueries: no files, stages or table functions other than UNNEST, VALUES, FLATTEN, series."""
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, (exp.Identifier, exp.Unnest, exp.GenerateSeries)):
            raise InvalidSQLError(
                f"{table.sql()} is not a table of this warehouse.", rule="only_plain_tables", fatal=True
            )
        if any(table.args.get(key) for key in ("when", "changes", "version", "only", "rows_from")):
            raise InvalidSQLError(f"{table.sql()} carries a clause that is not allowed.", rule="only_plain_tables")
    for with_ in tree.find_all(exp.With):
        if with_.args.get("recursive"):
            raise InvalidSQLError("WITH RECURSIVE is not allowed: it may never end.", rule="only_plain_tables")
    return tree, "no files, stages or table functions"
