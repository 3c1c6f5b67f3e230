"""Terminals that no schema changes: keywords, functions by dialect and number of arguments, literals.

Whitespace is written into the terminals instead of being ignored: so it is bounded everywhere (a small model that only
writes newlines has to stop), and `SELECTid` is not taken for two words.
"""

import re

SPACE = r"[ \t\r\n]"
GAP, MUST = SPACE + "{0,60}", SPACE + "{1,60}"
WORD = re.compile(r"\b([PISK])_([A-Z_]+)\b")

COMMON: dict[str, str] = {
    "F1": """abs ceil floor sign sqrt exp ln radians degrees sin cos tan asin acos atan lower upper length trim
        reverse year quarter month week day hour minute second last_day dayname monthname dayofweek dayofyear""",
    "F12": "round log ltrim rtrim",
    "F2": "nullif power pow mod left right contains atan2 strpos_",
    "F23": "substr substring lpad rpad replace",
    "F3": "split_part regexp_replace translate",
    "FN": "coalesce concat greatest least concat_ws",
    "AGG": """count sum avg min max median stddev stddev_pop stddev_samp variance var_pop var_samp any_value mode array_agg
        approx_count_distinct""",
    "AGG2": "corr covar_pop covar_samp max_by min_by regr_slope regr_intercept",
    "LISTAGG": "listagg",
    "W1": "first_value last_value",
    "WN": "lag lead",
}
DUCKDB: dict[str, str] = {
    "F1": """trunc cbrt strip_accents epoch isodow weekofyear dayofmonth len unicode ascii chr isnan typeof array_length""",
    "F12": "date timestamp_",
    "F2": """ifnull starts_with ends_with instr strpos prefix suffix repeat strftime strptime date_part date_trunc
        list_contains string_split regexp_matches make_timestamp_ datepart""",
    "F23": "regexp_extract date_diff_",
    "F3": "make_date date_diff datediff if",
    "AGG": "first last bool_and bool_or product count_if list quantile_ sum_",
    "AGG2": "arg_max arg_min quantile_cont quantile_disc",
    "LISTAGG": "string_agg group_concat",
}
SNOWFLAKE: dict[str, str] = {
    "F1": """initcap trunc cbrt zeroifnull nullifzero square parse_json try_parse_json array_size to_variant typeof dayofweekiso
        dayofmonth weekofyear weekiso yearofweek ascii chr to_double try_to_double to_boolean""",
    "F12": """to_date try_to_date to_timestamp to_timestamp_ntz to_timestamp_ltz to_timestamp_tz try_to_timestamp
        try_to_timestamp_ntz to_char to_varchar date time trunc_""",
    "F2": """ifnull nvl startswith endswith charindex div0 div0null add_months months_between date_part
        date_trunc split array_contains array_cat array_to_string regexp_count repeat""",
    "F23": "regexp_like regexp_substr regexp_instr position",
    "F3": "iff nvl2 date_from_parts datediff dateadd convert_timezone",
    "FN": "decode array_construct to_number try_to_number to_decimal try_to_decimal object_construct_",
    "FPART": "date_trunc date_part",
    "FDIFF": "dateadd datediff timestampdiff timestampadd",
    "AGG": "count_if booland_agg boolor_agg",
}
TYPES = {
    "duckdb": "integer int bigint smallint tinyint hugeint double float real boolean bool date timestamp time text varchar",
    "snowflake": """integer int bigint smallint double float real boolean date timestamp timestamp_ntz timestamp_ltz time
        text varchar string number_ variant array object""",
}
PARTS = "year quarter month week day dow doy hour minute second epoch isodow isoyear decade century dayofweek dayofyear"
FUNCTION_CLASSES = ("F1", "F12", "F2", "F23", "F3", "FN", "FPART", "FDIFF", "AGG", "AGG2", "LISTAGG", "W1", "WN")


def functions(dialect: str) -> dict[str, tuple[str, ...]]:
    """Names by class: `F23` takes two or three arguments, `AGG` aggregates one, `WN` needs OVER."""
    own = DUCKDB if dialect == "duckdb" else SNOWFLAKE
    listed = {kind: f"{COMMON.get(kind, '')} {own.get(kind, '')}".split() for kind in FUNCTION_CLASSES}
    return {kind: tuple(sorted(n for n in names if not n.endswith("_"))) for kind, names in listed.items() if names}


def keyword(name: str) -> str:
    """The regex of a keyword terminal: `I_GROUP_BY` is the words with space on both sides."""
    kind, words = name.split("_", 1)
    body = f"(?i:{words.lower().replace('_', MUST)})"
    return (MUST if kind in "IS" else "") + body + (MUST if kind in "PI" else "")


def keywords(rules: str) -> dict[str, str]:
    """The regexes of all keyword terminals the rules use."""
    return {name: keyword(name) for name in (m.group() for m in WORD.finditer(rules)) if name not in SPECIAL}


SPECIAL: dict[str, str] = {
    "S_DIRECTION": MUST + "(?i:asc|desc)",
    "S_NULLS": MUST + "(?i:nulls)" + MUST + "(?i:first|last)",
    "S_IS_NULL": f"{MUST}(?i:is){MUST}(?:(?i:not){MUST})?(?i:null|true|false)",
    "S_IGNORE_NULLS": f"{MUST}(?i:ignore|respect){MUST}(?i:nulls)",
}


def terminals(dialect: str) -> dict[str, str]:
    """Name -> regex of every terminal that neither schema nor keyword list writes."""
    named = {kind: f"(?i:{'|'.join(names)})" for kind, names in functions(dialect).items()}
    return LITERALS | STRINGS[dialect] | named | SPECIAL | _types(dialect)


def _types(dialect: str) -> dict[str, str]:
    plain = "|".join(n for n in TYPES[dialect].split() if not n.endswith("_"))
    return {
        "TYPE": rf"(?i:{plain}|(?:decimal|numeric|number)(?:\([0-9]{{1,2}}(?:, ?[0-9]{{1,2}})?\))?|varchar\([0-9]{{1,4}}\))"
    }


_PART = f"(?i:{'|'.join(PARTS.split())})"
STRINGS = {
    "duckdb": {"STRING": r"'(?:[^'\x00-\x1f\x7f]|''){0,120}'"},
    "snowflake": {"STRING": r"'(?:[^'\\\x00-\x1f\x7f]|''|\\[^\x00-\x1f\x7f]){0,120}'"},
}
LITERALS: dict[str, str] = {
    "LEAD": SPACE + "{1,4}",
    "WS": MUST,
    "END": f"{GAP};{SPACE}{{0,4}}",
    "FENCE_OPEN": "[ \\n]{0,2}```(?:sql)?\\n",
    "FENCE_CLOSE": SPACE + "{0,4}```\\n?",
    "COMMA": f"{GAP},{GAP}",
    "LPAR": f"\\({GAP}",
    "RPAR": f"{GAP}\\)",
    "DOT": r"\.",
    "DOT_STAR": r"\.\*",
    "STAR": r"\*",
    "AS_OPEN": f"{MUST}(?i:as){GAP}\\({GAP}",
    "USING": f"{MUST}(?i:using){GAP}\\({GAP}",
    "JOIN": f"{MUST}(?:(?i:inner|(?:left|right|full)(?:{MUST}outer)?){MUST})?(?i:join){MUST}",
    "SETOP": f"{MUST}(?i:(?:union|intersect|except)(?:{MUST}(?:all|distinct))?){MUST}",
    "LOGIC": f"{MUST}(?i:and|or){MUST}",
    "BETWEEN": f"{MUST}(?:(?i:not){MUST})?(?i:between){MUST}",
    "LIKE": f"{MUST}(?:(?i:not){MUST})?(?i:like|ilike){MUST}",
    "ESCAPE": f"{MUST}(?i:escape){MUST}'[!-&(-~]'",
    "IN": f"{MUST}(?:(?i:not){MUST})?(?i:in){GAP}",
    "EXISTS": f"(?i:exists){GAP}",
    "QUANTIFIER": f"(?i:any|all){GAP}",
    "COMPARE": f"{GAP}(?:=|<>|!=|<=|>=|<|>){GAP}",
    "ARITH": f"{GAP}(?:\\+|-|\\*|/|%|\\|\\|){GAP}",
    "MINUS": "-",
    "CAST_OP": "::",
    "INT": "[0-9]{1,12}",
    "NUMBER": r"[0-9]{1,25}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}",
    "CONSTANT": "(?i:true|false|null|current_date|current_timestamp)",
    "DATE_WORD": "(?i:date|timestamp)",
    "DATE_STRING": f"{MUST}'[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[ T][0-9:.]{{5,12}})?'",
    "INTERVAL_WORD": "(?i:interval)",
    "SPAN": f"{MUST}(?:'-?[0-9]{{1,5}} (?i:{'|'.join(PARTS.split()[:8])})s?'|'-?[0-9]{{1,5}}'{MUST}{_PART}|[0-9]{{1,5}}{MUST}{_PART})",
    "DATEPART": f"'?{_PART}'?",
    "EXTRACT": f"(?i:extract)\\({GAP}'?{_PART}'?{MUST}(?i:from){MUST}",
    "CAST": f"(?i:cast|try_cast)\\({GAP}",
    "COUNT": "(?i:count)",
    "CALL": f" ?\\({GAP}",
    "PERCENTILE": f"(?i:percentile_cont|percentile_disc)\\({GAP}",
    "WITHIN": f"{MUST}(?i:within){MUST}(?i:group){GAP}\\({GAP}",
    "FILTER": f"{GAP}(?i:filter){GAP}\\({GAP}(?i:where){MUST}",
    "OVER": f"{GAP}(?i:over){GAP}\\({GAP}",
    "F0": "(?i:now|current_date|current_timestamp)",
    "W0": "(?i:row_number|rank|dense_rank|percent_rank|cume_dist)",
    "NTILE": "(?i:ntile)",
    "FRAME_UNIT": f"{MUST}(?i:rows|range){MUST}(?i:between){MUST}",
    "BOUND": f"(?i:current{MUST}row|(?:unbounded|[0-9]{{1,4}}){MUST}(?:preceding|following))",
    "FLATTEN": f"(?i:lateral{MUST}flatten|table{GAP}\\({GAP}flatten){GAP}\\({GAP}(?:(?i:input){GAP}=>{GAP})?",
    "OUTER": f"(?i:outer){GAP}=>{GAP}(?i:true|false)",
    "PATH": r"(?::(?:[A-Za-z_][A-Za-z0-9_]{0,40}|\"[^\"\x00-\x1f]{1,40}\")|\[[0-9]{1,4}\])(?:\.[A-Za-z_][A-Za-z0-9_]{0,40}|\.\"[^\"\x00-\x1f]{1,40}\"|\[[0-9]{1,4}\]){0,6}",
}
