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
    "FUNCTION": """abs acos asin atan atan2 ceil coalesce concat concat_ws contains cos day dayname dayofweek dayofyear
        degrees exp floor greatest hour last_day least left length ln log lower lpad ltrim minute mod month
        monthname nullif pow power quarter radians regexp_replace replace reverse right round rpad rtrim
        second sign sin split_part sqrt substr substring tan translate trim upper week year""",
    "AGGREGATE": """any_value approx_count_distinct array_agg avg corr count covar_pop covar_samp listagg max max_by
        median min min_by mode percentile_cont percentile_disc regr_intercept regr_slope stddev stddev_pop
        stddev_samp sum var_pop var_samp variance""",
    "WINDOW": """cume_dist dense_rank first_value lag last_value lead ntile percent_rank rank row_number""",
}
DUCKDB: dict[str, str] = {
    "FUNCTION": """array_length ascii cbrt chr date date_diff date_part date_trunc datediff datepart dayofmonth
        ends_with epoch if ifnull instr isnan isodow len list_contains make_date prefix regexp_extract
        regexp_matches repeat starts_with strftime string_split strip_accents strpos strptime suffix trunc
        typeof unicode weekofyear""",
    "AGGREGATE": """arg_max arg_min bool_and bool_or count_if first group_concat last list product quantile_cont
        quantile_disc string_agg""",
}
SNOWFLAKE: dict[str, str] = {
    "FUNCTION": """add_months array_cat array_construct array_contains array_size array_to_string ascii cbrt charindex
        chr convert_timezone date date_from_parts date_part date_trunc dateadd datediff dayofmonth
        dayofweekiso decode div0 div0null endswith iff ifnull initcap months_between nullifzero nvl nvl2
        parse_json position regexp_count regexp_instr regexp_like regexp_substr repeat split square
        startswith time to_boolean to_char to_date to_decimal to_double to_number to_timestamp
        to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_varchar to_variant trunc try_parse_json
        try_to_date try_to_decimal try_to_double try_to_number try_to_timestamp try_to_timestamp_ntz typeof
        weekiso weekofyear yearofweek zeroifnull""",
    "FPART": """date_part date_trunc dateadd datediff timestampadd timestampdiff""",
    "AGGREGATE": """booland_agg boolor_agg count_if""",
}
TYPES = {
    "duckdb": "integer int bigint smallint tinyint hugeint double float real boolean bool date timestamp time text varchar",
    "snowflake": """integer int bigint smallint double float real boolean date timestamp timestamp_ntz timestamp_ltz time
        text varchar string number_ variant array object""",
}
PARTS = "year quarter month week day dow doy hour minute second epoch isodow isoyear decade century dayofweek dayofyear"
FUNCTION_CLASSES = ("FUNCTION", "FPART", "AGGREGATE", "WINDOW")


def functions(dialect: str) -> dict[str, tuple[str, ...]]:
    """Names by class: `FPART` takes a part of a date first, `WINDOW` needs OVER."""
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
    return {
        "TYPE": rf"{GAP}(?i:{plain}|(?:decimal|numeric|number)(?:\([0-9]{{1,2}}(?:, ?[0-9]{{1,2}})?\))?|varchar\([0-9]{{1,4}}\))"
    }


_PART = f"(?i:{'|'.join(PARTS.split())})"
_KEY, _INDEX = r"(?:[A-Za-z_][A-Za-z0-9_]{0,40}|\"[^\"\x00-\x1f]{1,40}\")", r"\[[0-9]{1,4}\]"
STRINGS = {
    "duckdb": r"'(?:[^'\x00-\x1f\x7f]|''){0,120}'",
    "snowflake": r"'(?:[^'\\\x00-\x1f\x7f]|''|\\[^\x00-\x1f\x7f]){0,120}'",
}
NUMBER = r"[0-9]{1,25}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}"
CONSTANT = "(?i:true|false|null|current_date|current_timestamp)"
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
    "COMPARE": f"{GAP}(?:=|<>|!=|<=|>=|<|>)",
    "ARITH": f"{GAP}(?:\\+|-|\\*|/|%|\\|\\|)",
    "MINUS": f"{GAP}-",
    "CAST_OP": "::",
    "INT": f"{GAP}[0-9]{{1,12}}",
    "DATE_WORD": f"{GAP}(?i:date|timestamp)",
    "DATE_STRING": f"{MUST}'[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[ T][0-9:.]{{5,12}})?'",
    "INTERVAL_WORD": f"{GAP}(?i:interval)",
    "SPAN": f"{MUST}(?:'-?[0-9]{{1,5}} {_PART}s?'|'-?[0-9]{{1,5}}'{MUST}{_PART}|[0-9]{{1,5}}{MUST}{_PART})",
    "DATEPART": f"{GAP}'?{_PART}'?",
    "EXTRACT": f"{GAP}(?i:extract)\\({GAP}'?{_PART}'?{MUST}(?i:from){SPACE}",
    "CAST": f"{GAP}(?i:cast|try_cast)\\(",
    "COUNT": f"{GAP}(?i:count)",
    "WITHIN": f"{MUST}(?i:within){MUST}(?i:group){GAP}\\(",
    "FILTER": f"{GAP}(?i:filter){GAP}\\({GAP}(?i:where){SPACE}",
    "OVER": f"{GAP}(?i:over){GAP}\\(",
    "F0": f"{GAP}(?i:now|current_date|current_timestamp)",
    "FRAME_UNIT": f"{MUST}(?i:rows|range){MUST}(?i:between){SPACE}",
    "BOUND": f"{GAP}(?i:current{MUST}row|(?:unbounded|[0-9]{{1,4}}){MUST}(?:preceding|following))",
    "FLATTEN": f"{GAP}(?i:lateral{MUST}flatten|table{GAP}\\({GAP}flatten){GAP}\\((?:{GAP}(?i:input){GAP}=>)?",
    "FLAT": '(?i:value|index|key|this|path|seq)|"(?:VALUE|INDEX|KEY)"',
    "OUTER": f"{GAP}(?i:outer){GAP}=>{GAP}(?i:true|false)",
    "PATH": f"(?::{_KEY}|{_INDEX})(?:\\.{_KEY}|{_INDEX}){{0,6}}",
}
