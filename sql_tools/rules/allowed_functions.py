"""The functions that only compute: those sqlglot has a class for, and by dialect those it only knows by name.

A class's arity is sqlglot's own; a name carries its own: `name:2` takes two arguments, `name:1-3` one to three,
`name:1-` one or more. Left out on purpose: what reads settings, users, sequences, files or the network, what sleeps, logs
or raises, and what runs text as SQL.
"""

from contextlib import suppress
from functools import lru_cache

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

CLASSES = frozenset(
    """Count CountIf Sum Avg Min Max Median Mode Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp
    Quantile ApproxQuantile PercentileCont PercentileDisc ApproxDistinct ArgMin ArgMax AnyValue First Last
    GroupConcat ArrayAgg LogicalAnd LogicalOr Skewness Kurtosis RegrSlope RegrIntercept RegrR2 RegrCount RegrAvgx
    RegrAvgy RegrSxx RegrSxy RegrSyy BitwiseAndAgg BitwiseOrAgg BitwiseXorAgg ApproxTopK ArrayUniqueAgg ObjectAgg
    JSONObjectAgg Hll Grouping GroupingId RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue
    LastValue NthValue Abs Ceil Floor Round Trunc Sign Sqrt Cbrt Exp Ln Log Pow Pi Degrees Radians Sin Cos Tan Cot Asin
    Acos Atan Atan2 Sinh Cosh Tanh Asinh Acosh Atanh Factorial Greatest Least IsNan IsInf WidthBucket SafeDivide
    EuclideanDistance CosineDistance Concat ConcatWs Lower Upper Initcap Length BitLength ByteLength Left Right
    Substring Trim Pad Replace Reverse Repeat Contains StartsWith EndsWith StrPosition Split SplitPart SplitToTable
    StringToArray Translate Ascii Chr Unicode Levenshtein JarowinklerSimilarity Soundex Format Overlay Space Stuff
    RegexpLike RegexpILike RegexpExtract RegexpExtractAll RegexpReplace RegexpFullMatch RegexpCount RegexpSplit
    RegexpInstr Hex Unhex LowerHex ToBase64 FromBase64 MD5 MD5Digest SHA SHA2 FarmFingerprint Encode Decode Cast TryCast
    If Case Coalesce Nullif Nvl2 EqualNull DecodeCase ToChar ToNumber ToDouble ToBoolean Typeof CurrentDate
    CurrentTimestamp CurrentTime Localtime Localtimestamp CurrentDatetime DateAdd DateSub DateDiff DateTrunc
    TimestampTrunc TimestampAdd TimestampSub TimestampDiff DatetimeAdd DatetimeSub DatetimeDiff DatetimeTrunc TimeAdd
    TimeSub TimeDiff TimeTrunc TimeSlice TsOrDsAdd TsOrDsDiff AddMonths MonthsBetween LastDay NextDay PreviousDay
    Extract Year Quarter Month Week Day Hour Minute Second DayOfWeek DayOfWeekIso DayOfMonth DayOfYear WeekOfYear
    Dayname Monthname YearOfWeek YearOfWeekIso ToDays Date Timestamp Time DateFromParts TimestampFromParts
    TimestampLtzFromParts TimestampTzFromParts TimeFromParts StrToDate StrToTime TimeToStr TimeStrToTime TimeStrToDate
    DateStrToDate TsOrDsToDate TsOrDsToTime TsOrDsToTimestamp TsOrDsToDatetime TsOrDiToDi DateToDateStr TimeToUnix
    UnixToTime UnixToStr StrToUnix UnixSeconds UnixMillis UnixDate DateBin ConvertTimezone MakeInterval
    JustifyDays Array List Struct StructExtract ArraySize ArrayContains ArrayContainsAll ArrayOverlaps
    ArrayConcat ArrayConcatAgg ArrayDistinct ArrayIntersect ArrayExcept ArraySort ArraySlice ArrayToString
    ArrayPosition ArraySum ArrayMin ArrayMax ArrayAppend ArrayPrepend ArrayRemove ArrayReverse ArrayFirst ArrayLast
    ArrayFilter ArrayAny ArrayAll ArrayCompact ArrayConstructCompact ArraysZip Transform Reduce Explode
    Posexplode Inline Unnest Flatten GenerateSeries GenerateDateArray GenerateTimestampArray Generator Seq1 Seq2 Seq4
    Seq8 Rand Randn Uuid ParseJSON JSONExtract JSONExtractScalar JSONBExtract JSONType JSONKeys JSONArray JSONObject
    JSONArrayContains JSONFormat JSONBExists JSONStripNulls ObjectInsert ToArray ToVariant ToMap Map
    MapKeys MapFromEntries VarMap CheckJson StPoint StDistance Columns StarMap""".split()
)

_BOTH = """
    date_part:2 datediff:3 dayname:1 monthname:1 week:1 last_day:1-2 listagg:1-2 string_agg:1-2 group_concat:1-2
    array_length:1-2 max_by:2-3 min_by:2-3 instr:2 starts_with:2 ends_with:2 lpad:2-3 rpad:2-3 ltrim:1-2
    rtrim:1-2 concat_ws:2- ifnull:2 nvl:2 hash:1- md5_number_lower:1 md5_number_upper:1 age:1-2 square:1
    to_timestamp:1-2 mod:2
"""
_DUCKDB = """
    strftime:2 strptime:2 try_strptime:2 date_sub:3 datesub:3 date_diff:3 epoch:1 epoch_ms:1 epoch_us:1 epoch_ns:1
    make_date:1-3 make_time:3 make_timestamp:1-6 make_timestamptz:1-7 make_timestamp_ms:1 make_timestamp_ns:1
    isodow:1 isoyear:1 yearweek:1 century:1 decade:1 millennium:1 era:1 julian:1 weekday:1 microsecond:1 millisecond:1
    datepart:2 days_in_month:1 now:0 get_current_timestamp:0 transaction_timestamp:0 today:0 timezone:1-2 ago:1
    to_years:1 to_quarters:1 to_months:1 to_weeks:1 to_hours:1 to_minutes:1 to_seconds:1 to_milliseconds:1
    to_microseconds:1 to_decades:1 to_centuries:1 to_millennia:1 list_value:0- list_pack:0- array_value:0- row:1-
    list_contains:2 list_has:2 list_has_all:2 list_has_any:2 list_aggregate:2- list_aggr:2- array_aggregate:2-
    list_sort:1-3 list_reverse_sort:1-2 list_distinct:1 list_unique:1 list_filter:2 array_filter:2 list_transform:2
    list_apply:2 array_transform:2 array_apply:2 list_reduce:2-3 list_zip:1- list_position:2 list_indexof:2
    list_extract:2 list_element:2 element_at:2 array_extract:2 list_slice:3-4 list_concat:2- list_cat:0-
    list_reverse:1 array_reverse:1 list_resize:2-3 list_intersect:2 list_where:2 list_select:2 list_grade_up:1-3
    array_sort:1-3 list_sum:1 list_avg:1 list_min:1 list_max:1 list_count:1 list_median:1 list_mode:1 list_first:1 list_last:1
    list_any_value:1 list_product:1 list_stddev_pop:1 list_stddev_samp:1 list_var_pop:1 list_var_samp:1
    list_string_agg:1 list_bool_and:1 list_bool_or:1 list_histogram:1 list_entropy:1 list_kurtosis:1 list_skewness:1
    list_mad:1 list_sem:1 list_approx_count_distinct:1 array_has_any:2 array_intersect:2 array_unique:1
    array_distance:2 array_cosine_similarity:2 array_cosine_distance:2 array_inner_product:2 list_cosine_similarity:2
    list_inner_product:2 len:1 cardinality:1 map_entries:1 map_values:1 map_contains:2 map_extract:2
    map_extract_value:2 map_concat:1- struct_pack:1- struct_insert:2- struct_concat:2- struct_keys:1
    struct_values:1 struct_extract_at:2 union_tag:1 union_extract:2 json_array_length:1-2 json_contains:2
    json_exists:2 json_valid:1 json_value:2 json_group_array:1 json_group_object:2 to_json:1 json_quote:1
    variant_typeof:1 bool_and:1 bool_or:1 product:1 entropy:1 mad:1 sem:1 fsum:1 kahan_sum:1 sumkahan:1 favg:1
    geomean:1 geometric_mean:1 mean:1 weighted_avg:2 wavg:2 kurtosis_pop:1 reservoir_quantile:2-3 histogram:1-2
    histogram_exact:2 equi_width_bins:4 approx_top_k:2 arg_max_null:2 arg_min_null:2 arbitrary:1 bit_count:1
    bitstring_agg:1-3 lcase:1 ucase:1 strpos:2 prefix:2 suffix:2 printf:1- format:1- regexp_matches:2-3
    regexp_split_to_array:2-3 regexp_escape:1 string_split:2 str_split:2 string_to_array:2 strip_accents:1 strlen:1
    octet_length:1 ord:1 jaccard:2 hamming:2 mismatches:2 editdist3:2 damerau_levenshtein:2 jaro_similarity:2-3
    length_grapheme:1 substring_grapheme:2-3 left_grapheme:2 right_grapheme:2 nfc_normalize:1 url_encode:1
    url_decode:1 base64:1 bin:1 to_binary:1 from_hex:1 to_hex:1 to_base:2-3 sha1:1 sha256:1 md5_number:1
    format_bytes:1 parse_filename:1-3 parse_dirname:1-2 parse_dirpath:1-2 parse_path:1-2 bar:3-4 even:1 gcd:2 lcm:2
    greatest_common_divisor:2 least_common_multiple:2 fdiv:2 fmod:2 add:1-2 subtract:1-2 multiply:2 divide:2
    isfinite:1 gamma:1 lgamma:1 signbit:1 nextafter:2 round_even:2 roundbankers:2 binom:2 get_bit:2 bit_position:2
    enum_range:1 enum_code:1 enum_first:1 enum_last:1 typeof:1 alias:1 random:0 uuid:0 gen_random_uuid:0 count_star:0
    log2:1 var_samp:1 from_json:2 json_transform:2 try:1 generate_subscripts:2 regexp_split_to_table:2 json_structure:1 json_pretty:1 json_each:1-2 json_tree:1-2
"""
_SNOWFLAKE = """
    iff:3 zeroifnull:1 nullifzero:1 div0:2 div0null:2 to_char:1-2 to_varchar:1-2 to_date:1-2 to_time:1-2 to_decimal:1-4
    to_numeric:1-4 to_binary:1-2 to_object:1 to_timestamp_ntz:1-2 to_timestamp_ltz:1-2 to_timestamp_tz:1-2
    try_to_date:1-2 try_to_time:1-2 try_to_number:1-4 try_to_decimal:1-4 try_to_numeric:1-4 try_to_double:1-2
    try_to_boolean:1 try_to_timestamp:1-2 try_to_timestamp_ntz:1-2 try_to_timestamp_ltz:1-2 try_to_timestamp_tz:1-2
    try_parse_json:1 strip_null_value:1 try_cast:1-2 time:1-2 date:1-2 haversine:4 array_size:1 object_keys:1 object_construct:0-
    object_construct_keep_null:0- object_delete:2- object_pick:2- array_construct:0- array_to_string:2
    array_flatten:1 array_remove_at:2 array_insert:3 array_generate_range:2-3 array_sort:1-3 array_cat:2
    arrays_overlap:2 get:2 get_path:2 get_ignore_case:2 as_array:1 as_object:1 as_integer:1 as_double:1 as_char:1
    as_varchar:1 as_date:1 as_boolean:1 is_array:1 is_object:1 is_null_value:1 is_integer:1 is_varchar:1 typeof:1
    strtok:1-3 strtok_to_array:1-2 split_to_table:2 strtok_split_to_table:1-2 charindex:2-3 editdistance:2-3
    insert:4 rtrimmed_length:1 regexp_substr_all:2-6 collate:2 bitand:2-3 bitor:2-3 bitxor:2-3 bitnot:1
    bitshiftleft:2 bitshiftright:2 ratio_to_report:1 conditional_true_event:1 conditional_change_event:1
    boolor_agg:1 booland_agg:1 boolxor_agg:1 minhash:2- approximate_similarity:1 approx_top_k:1-3 kurtosis:1
    date_from_parts:3 time_from_parts:3-4 timestamp_ntz_from_parts:2-7 dateadd:3 timediff:3 timestampdiff:3
    st_area:1 st_asgeojson:1 st_astext:1 st_aswkt:1 st_aswkb:1 st_centroid:1 st_collect:1-2 st_contains:2
    st_coveredby:2 st_covers:2 st_dimension:1 st_disjoint:2 st_distance:2 st_dwithin:3 st_envelope:1 st_geogfromtext:1-2
    st_geogfromwkb:1-2 st_geogfromgeojson:1-2 st_geographyfromwkb:1-2 st_geographyfromwkt:1-2 st_geographyfromtext:1-2
    st_geogpoint:2 st_intersection:2 st_intersects:2 st_isvalid:1 st_length:1 st_makeline:1-2 st_makepoint:2
    st_makepolygon:1 st_npoints:1 st_perimeter:1 st_point:2 st_pointn:2 st_simplify:2-3 st_startpoint:1 st_endpoint:1
    st_union:2 st_union_agg:1 st_within:2 st_x:1 st_y:1 st_xmin:1 st_xmax:1 st_ymin:1 st_ymax:1 to_geography:1-2
    to_geometry:1-3 try_to_geography:1-2 h3_latlng_to_cell:3 uniform:3 total:1 julianday:1 datetime:1-2
"""

Arity = tuple[int, int | None]  # fewest and most arguments; None for any number


def _read(*texts: str) -> dict[str, Arity]:
    arities: dict[str, Arity] = {}
    for word in " ".join(texts).split():
        name, _, counts = word.partition(":")
        least, dash, most = counts.partition("-")
        arities[name] = (int(least), int(most or least) if most or not dash else None)
    return arities


NAMES = {"duckdb": _read(_BOTH, _DUCKDB), "snowflake": _read(_BOTH, _SNOWFLAKE)}


def arity_of(name: str, dialect: str) -> Arity | None:
    """Fewest and most arguments of a function listed by name; None if it is not."""
    return NAMES.get(dialect, {}).get(name.lower())


@lru_cache(maxsize=4)
def classes_of(dialect: str) -> frozenset[str]:
    """The classes that sqlglot reads this dialect's listed names as: `get(a, 0)` is a GetExtract."""
    found = set()
    for name, (least, most) in NAMES.get(dialect, {}).items():
        for count in {least, least if most is None else most}:
            with suppress(SqlglotError, ValueError):
                call = parse_one(f"{name}({', '.join('a' for _ in range(count))})", read=dialect)
                found |= {type(call).__name__} if isinstance(call, exp.Func) else set()
    return frozenset(found) - {"Anonymous", "AnonymousAggFunc"}


def takes(arity: Arity, count: int) -> bool:
    """May it be called with `count` arguments?"""
    least, most = arity
    return least <= count and (most is None or count <= most)
