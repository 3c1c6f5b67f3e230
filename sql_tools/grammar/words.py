"""Terminals that no schema changes: keywords, functions by dialect, literals.

Whitespace is written into the terminals instead of being ignored: so it is bounded everywhere (a small model that only
writes newlines has to stop), and `SELECTid` is not taken for two words. It stands before a terminal, at any length, and
after a keyword as one character: a terminal that may go on makes the engine look ahead with every byte that may follow.
"""

import re

SPACE = r"[ \t\r\n]"
GAP, MUST = SPACE + "{0,60}", SPACE + "{1,60}"
WORD = re.compile(r"\b([PISK])_([A-Z_]+)\b")

COMMON: dict[str, str] = {
    "FUNCTION1": """abs acos asin atan ceil cos day dayname dayofweek dayofyear degrees exp floor hour last_day length
        ln log lower ltrim minute month monthname quarter radians reverse round rtrim second sign sin sqrt tan upper week
        year""",
    "FUNCTION2": """atan2 contains left log ltrim mod nullif pow power right round rtrim""",
    "FUNCTION3": """lpad replace rpad regexp_replace split_part translate""",
    "OPERAND1": "trim",
    "OPERAND2": "substr substring",
    "OPERAND3": "substr substring",
    "FUNCTION": "coalesce concat concat_ws greatest least",
    "AGGREGATE": """any_value approx_count_distinct avg count max median min mode stddev stddev_pop stddev_samp sum
        var_pop var_samp variance""",
    "AGGREGATE2": """corr covar_pop covar_samp max_by min_by regr_intercept regr_slope""",
    "LISTING": "listagg",
    "COLLECT": "array_agg",
    "PERCENTILE": "percentile_cont percentile_disc",
    "RANK": "cume_dist dense_rank percent_rank rank row_number",
    "WINDOW1": "first_value last_value ntile",
    "WINDOW": "lag lead",
}
DUCKDB: dict[str, str] = {
    "FUNCTION1": """array_length ascii cbrt chr date dayofmonth epoch isnan isodow len strip_accents trunc typeof unicode
        weekofyear""",
    "FUNCTION2": """date_part date_trunc datepart ends_with ifnull instr list_contains prefix regexp_extract regexp_matches repeat
        starts_with strftime string_split strpos strptime suffix""",
    "FUNCTION3": """date_diff datediff if make_date regexp_extract""",
    "AGGREGATE": """bool_and bool_or count_if product""",
    "AGGREGATE2": """arg_max arg_min quantile_cont quantile_disc""",
    "LISTING": "group_concat string_agg",
    "COLLECT": "first last list",
}
SNOWFLAKE: dict[str, str] = {
    "FUNCTION1": """array_size ascii cbrt chr dayofmonth dayofweekiso initcap nullifzero parse_json square to_boolean
        to_double to_variant trunc try_parse_json try_to_double typeof weekiso weekofyear yearofweek
        zeroifnull""",
    "FUNCTION2": """add_months array_cat array_contains array_to_string charindex date_trunc div0 div0null
        endswith ifnull months_between nvl regexp_count repeat split startswith""",
    "FUNCTION3": """convert_timezone date_from_parts dateadd datediff iff nvl2""",
    "OPERAND2": "position",
    "OPERAND3": "position",
    "FUNCTION": """array_construct date decode regexp_instr regexp_like regexp_substr time to_char to_date
        to_decimal to_number to_timestamp to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_varchar
        try_to_date try_to_decimal try_to_number try_to_timestamp try_to_timestamp_ntz""",
    "OPERAND_PART": "date_part",
    "FPART": """date_trunc dateadd datediff timestampadd timestampdiff""",
    "AGGREGATE": """booland_agg boolor_agg count_if""",
}
TYPES = {
    "duckdb": "integer int bigint smallint tinyint hugeint double float real boolean bool date timestamp time text varchar",
    "snowflake": """integer int bigint smallint double float real boolean date timestamp timestamp_ntz timestamp_ltz time
        text varchar string number_ variant array object""",
}
PARTS = "year quarter month week day dow doy hour minute second epoch isodow isoyear decade century dayofweek dayofyear"
FUNCTION_CLASSES = (
    *"FUNCTION1 FUNCTION2 FUNCTION3 FUNCTION FPART OPERAND1 OPERAND2 OPERAND3 OPERAND_PART".split(),
    *"AGGREGATE AGGREGATE2 LISTING COLLECT PERCENTILE RANK WINDOW1 WINDOW".split(),
)


def functions(dialect: str) -> dict[str, tuple[str, ...]]:
    """Names by class: `FUNCTION3` takes three arguments, `WINDOW` one to three, `FUNCTION` any number, `FPART` a part of a date first,
    `OPERAND2` two of which none is a condition (sqlglot reads no AND, IN or = there), `RANK` needs OVER."""
    own = DUCKDB if dialect == "duckdb" else SNOWFLAKE
    listed = {kind: f"{COMMON.get(kind, '')} {own.get(kind, '')}".split() for kind in FUNCTION_CLASSES}
    return {kind: tuple(sorted(n for n in names if not n.endswith("_"))) for kind, names in listed.items() if names}


def keyword(name: str) -> str:
    """The regex of a keyword terminal: `I_GROUP_BY` is the words with space on both sides."""
    kind, words = name.split("_", 1)
    body = f"(?i:{words.lower().replace('_', MUST)})"
    return (MUST if kind in "IS" else GAP) + body + (SPACE if kind in "PI" else "")


def keywords(rules: str) -> dict[str, str]:
    """The regexes of all keyword terminals the rules use."""
    return {name: keyword(name) for name in (m.group() for m in WORD.finditer(rules)) if name not in SPECIAL}


SPECIAL: dict[str, str] = {
    "P_MODIFIER": f"{GAP}(?i:all|distinct){SPACE}",
    "S_DIRECTION": MUST + "(?i:asc|desc)",
    "S_NULLS": MUST + "(?i:nulls)" + MUST + "(?i:first|last)",
    "S_IS_NULL": f"{MUST}(?i:is){MUST}(?:(?i:not){MUST})?(?i:null|true|false)",
    "S_IGNORE_NULLS": f"{MUST}(?i:ignore|respect){MUST}(?i:nulls)",
}


def terminals(dialect: str) -> dict[str, str]:
    """Name -> regex of every terminal that neither schema nor keyword list writes."""
    named = {kind: f"{GAP}(?i:{'|'.join(names)})" for kind, names in functions(dialect).items()}
    literal = {"LITERAL": f"{GAP}(?:{NUMBER}|{STRINGS[dialect]}|{CONSTANT})", "STRING": GAP + STRINGS[dialect]}
    return LITERALS | literal | named | SPECIAL | _types(dialect)


def _types(dialect: str) -> dict[str, str]:
    plain = "|".join(n for n in TYPES[dialect].split() if not n.endswith("_"))
    exact = "decimal|numeric" + ("|number" if dialect == "snowflake" else "")
    return {"TYPE": rf"{GAP}(?i:{plain}|(?:{exact})(?:\([0-9]{{1,2}}(?:, ?[0-9]{{1,2}})?\))?|varchar\([0-9]{{1,4}}\))"}


_UNIT = "(?i:year|quarter|month|week|day|hour|minute|second)"
_PART = f"(?i:{'|'.join(PARTS.split())})"
_KEY, _INDEX = r"(?:[A-Za-z_][A-Za-z0-9_]{0,40}|\"[^\"\x00-\x1f]{1,40}\")", r"\[[0-9]{1,4}\]"
STRINGS = {
    "duckdb": r"'(?:[^'\x00-\x1f\x7f]|''){0,120}'",
    "snowflake": r"'(?:[^'\\\x00-\x1f\x7f]|''|\\[^\x00-\x1f\x7f]){0,120}'",
}
NUMBER = r"[0-9]{1,25}(?:\.[0-9]{1,20})?"
CONSTANT = "(?i:true|false|null|current_date|current_timestamp)"
_BEFORE_ROW, _AFTER_ROW = (f"[0-9]{{1,4}}{MUST}(?i:{way})" for way in ("preceding", "following"))
_ROW, _TO = f"(?i:current{MUST}row)", f"{MUST}(?i:and){MUST}"
_BEFORE, _AFTER = f"(?i:unbounded{MUST}preceding)|{_BEFORE_ROW}", f"(?i:unbounded{MUST}following)|{_AFTER_ROW}"
LITERALS: dict[str, str] = {
    "END": f"{GAP};{SPACE}{{0,4}}",
    "FENCE_OPEN": "[ \\n]{0,2}```(?:sql)?\\n",
    "FENCE_CLOSE": GAP + "```\\n?",
    "COMMA": f"{GAP},",
    "LPAR": f"{GAP}\\(",
    "RPAR": f"{GAP}\\)",
    "CALL": r" ?\(",
    "DOT": r"\.",
    "DOT_STAR": r"\.\*",
    "STAR": f"{GAP}\\*",
    "AS_OPEN": f"{MUST}(?i:as){GAP}\\(",
    "USING": f"{MUST}(?i:using){GAP}\\(",
    "JOIN": f"{MUST}(?:(?i:inner|(?:left|right|full)(?:{MUST}outer)?){MUST})?(?i:join){SPACE}",
    "SETOP": f"{MUST}(?i:union|intersect|except){SPACE}",
    "LOGIC": f"{MUST}(?i:and|or){SPACE}",
    "BETWEEN": f"{MUST}(?:(?i:not){MUST})?(?i:between){SPACE}",
    "LIKE": f"{MUST}(?:(?i:not){MUST})?(?i:like|ilike){SPACE}",
    "ESCAPE": f"{MUST}(?i:escape){MUST}'[!-&(-~]'",
    "IN": f"{MUST}(?:(?i:not){MUST})?(?i:in)",
    "EXISTS": f"{GAP}(?i:exists)",
    "QUANTIFIER": f"{GAP}(?i:any|all)",
    "COMPARE": f"{GAP}(?:=|<>|<=|>=|<|>)",
    "UNEQUAL": f"{GAP}!=",
    "FAR_MINUS": f"{MUST}-",  # `!=-` is one operator to DuckDB
    "ARITH": f"{GAP}(?:\\+|-|\\*|/|%|\\|\\|)",
    "MINUS": f"{GAP}-",
    "CAST_OP": "::",
    "INT": f"{GAP}[0-9]{{1,12}}",
    "DATE_WORD": f"{GAP}(?i:date|timestamp)",
    "DATE_STRING": f"{MUST}'[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[ T][0-9:.]{{5,12}})?'",
    "INTERVAL_WORD": f"{GAP}(?i:interval)",
    "SPAN": f"{MUST}(?:'-?[0-9]{{1,5}} {_UNIT}s?'|(?:'-?[0-9]{{1,5}}'|[0-9]{{1,5}}){MUST}{_UNIT})",
    "DATEPART": f"{GAP}(?:'{_PART}'|{_PART})",
    "EXTRACT": f"{GAP}(?i:extract)\\({GAP}(?:'{_PART}'|{_PART}){MUST}(?i:from){SPACE}",
    "CAST": f"{GAP}(?i:cast|try_cast)\\(",
    "COUNT": f"{GAP}(?i:count)",
    "WITHIN": f"{MUST}(?i:within){MUST}(?i:group){GAP}\\(",
    "FILTER": f"{GAP}(?i:filter){GAP}\\({GAP}(?i:where){SPACE}",
    "OVER": f"{GAP}(?i:over){GAP}\\(",
    "F0": f"{GAP}(?i:now)",
    "FRAME_UNIT": f"{MUST}(?i:rows|range){MUST}(?i:between){SPACE}",
    "BOUNDS": f"{GAP}(?:(?:{_BEFORE}){_TO}(?:{_BEFORE_ROW}|{_ROW}|{_AFTER})|{_ROW}{_TO}(?:{_ROW}|{_AFTER})|{_AFTER_ROW}{_TO}(?:{_AFTER}))",
    "FLATTEN": f"{GAP}(?i:lateral{MUST}flatten|table{GAP}\\({GAP}flatten){GAP}\\((?:{GAP}(?i:input){GAP}=>)?",
    "FLAT": '(?i:value|index|key|this|path|seq)|"(?:VALUE|INDEX|KEY)"',
    "OUTER": f"{GAP}(?i:outer){GAP}=>{GAP}(?i:true|false)",
    "PATH": f"(?::{_KEY}|{_INDEX})(?:\\.{_KEY}|{_INDEX}){{0,6}}",
}
