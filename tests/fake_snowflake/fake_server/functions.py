"""Which functions there are: those that sqlglot knows, these, and the account's own. The engine below has more; they are refused."""

from fake_server.account import Session
from fake_server.errors import SnowflakeError, syntax_error, unsupported
from fake_server.resolve import full_name
from sqlglot import exp

TABLE_FUNCTIONS = {
    "FLATTEN", "GENERATOR", "SPLIT_TO_TABLE", "RESULT_SCAN", "QUERY_HISTORY", "QUERY_HISTORY_BY_SESSION",
    "QUERY_HISTORY_BY_USER", "QUERY_HISTORY_BY_WAREHOUSE",
}  # fmt: skip
SCALAR = set(
    """ABS ACOS ADD_MONTHS APPROX_PERCENTILE ARRAYS_OVERLAP ARRAY_APPEND ARRAY_CAT ARRAY_COMPACT ARRAY_CONTAINS
    ARRAY_DISTINCT ARRAY_INSERT ARRAY_INTERSECTION ARRAY_MAX ARRAY_MIN ARRAY_POSITION ARRAY_PREPEND ARRAY_SLICE ARRAY_SORT
    ARRAY_TO_STRING ARRAY_UNION_AGG AS_INTEGER AS_VARCHAR BASE64_ENCODE BITAND_AGG BITAND BITOR BITXOR BOOLAND BOOLNOT BOOLOR
    BOOLXOR CBRT CEIL CHARINDEX CHECK_JSON COLLATE COLLATION COMPRESS CONTAINS CONVERT_TIMEZONE COS COSH COT COVAR_POP
    COVAR_SAMP CURRENT_TIMESTAMP DATE_FROM_PARTS DAYNAME DECODE DEGREES DIV0 DIV0NULL EDITDISTANCE ENDSWITH EQUAL_NULL EXP
    FACTORIAL FLOOR GET GETBIT GETDATE GET_IGNORE_CASE GET_PATH GREATEST_IGNORE_NULLS HASH HASH_AGG HAVERSINE HEX_DECODE_STRING
    HEX_ENCODE HOUR IFF IFNULL INITCAP INSERT IS_ARRAY IS_BOOLEAN IS_INTEGER IS_NULL_VALUE IS_OBJECT IS_VARCHAR JAROWINKLER_SIMILARITY
    JSON_EXTRACT_PATH_TEXT KURTOSIS LAST_DAY LEAST_IGNORE_NULLS LEN LN LOCALTIMESTAMP LTRIM MEDIAN MINUTE MOD MODE MONTH
    MONTHNAME MONTHS_BETWEEN NEXT_DAY NORMAL NTH_VALUE NULLIFZERO NVL NVL2 OBJECT_CONSTRUCT OBJECT_CONSTRUCT_KEEP_NULL
    OBJECT_DELETE OBJECT_INSERT OBJECT_KEYS OBJECT_PICK OCTET_LENGTH PERCENTILE_CONT PERCENTILE_DISC PI POSITION POW PREVIOUS_DAY
    QUARTER RADIANS RANDOM RANDSTR RATIO_TO_REPORT REGEXP_INSTR REGEXP_SUBSTR_ALL REGR_VALX REPEAT REPLACE REVERSE ROUND RPAD
    RTRIMMED_LENGTH SECOND SEQ1 SEQ2 SEQ4 SEQ8 SIGN SIN SINH SOUNDEX SPACE SPLIT_PART SQUARE STARTSWITH STRTOK STRTOK_TO_ARRAY
    STRIP_NULL_VALUE SUBSTR SYSDATE TAN TANH TIMEADD TIMEDIFF TIMESTAMPADD TIMESTAMPDIFF TIMESTAMP_FROM_PARTS TIMESTAMP_NTZ_FROM_PARTS
    TIME_FROM_PARTS TIME_SLICE TO_ARRAY TO_BINARY TO_BOOLEAN TO_DECIMAL TO_DOUBLE TO_JSON TO_NUMBER TO_NUMERIC TO_OBJECT
    TO_TIMESTAMP_LTZ TO_TIMESTAMP_NTZ TO_TIMESTAMP_TZ TO_VARIANT TRANSLATE TRUNC TRUNCATE TRY_PARSE_JSON TRY_TO_BINARY
    TRY_TO_BOOLEAN TRY_TO_DATE TRY_TO_DECIMAL TRY_TO_DOUBLE TRY_TO_NUMBER TRY_TO_NUMERIC TRY_TO_TIME TRY_TO_TIMESTAMP
    TRY_TO_TIMESTAMP_NTZ TYPEOF UNICODE UNIFORM UUID_STRING VAR_SAMP WEEK WEEKISO WEEKOFYEAR WIDTH_BUCKET XMLGET YEAR YEAROFWEEK
    ZEROIFNULL ZIPF MIN_BY MAX_BY BOOLAND_AGG BOOLOR_AGG BOOLXOR_AGG SKEW REGEXP_COUNT REGEXP_LIKE RLIKE PARSE_URL PARSE_IP
    OBJECT_AGG LISTAGG ARRAY_AGG VECTOR_COSINE_SIMILARITY AI_EMBED""".split()
)


def require_known(tree: exp.Expression, session: Session, sql: str) -> None:
    """Refuse functions that Snowflake doesn't have, and tables that are neither named nor known functions."""
    for node in tree.find_all(exp.Anonymous):
        name = str(node.this).upper()
        if name not in SCALAR | TABLE_FUNCTIONS and not _is_own(session, node, name):
            raise SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {name}.")
    for node in tree.find_all(exp.Table):
        if isinstance(node.this, exp.Func) and function_of(node.this) not in TABLE_FUNCTIONS:
            raise SnowflakeError(
                2140, "42601", f"SQL compilation error:\nUnknown table function {function_of(node.this)}."
            )
        if isinstance(node.this, exp.Literal):
            raise syntax_error(sql, 0, node.this.sql())
        if isinstance(node.this, exp.Var | exp.Parameter):
            raise unsupported("queries on staged files")


def function_of(node: exp.Func) -> str:
    return str(node.this).upper() if isinstance(node, exp.Anonymous) else node.sql_name().upper()


def _is_own(session: Session, node: exp.Anonymous, name: str) -> bool:
    places = [part.name.upper() for part in _before(node)]
    if len(places) < 2 and not (session.database and session.schema):
        return False
    full = full_name(session, (*places, name))
    thing = session.account.catalog.things.get(("FUNCTION", full))
    return thing is not None and session.access.sees_thing(thing)


def _before(node: exp.Anonymous) -> list[exp.Expression]:
    """`d.s` in `d.s.f()`."""
    dot = node.parent
    return list(dot.this.flatten() if isinstance(dot.this, exp.Dot) else [dot.this]) if isinstance(dot, exp.Dot) else []
