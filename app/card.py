"""The proof card in words, for the terminal and the chat alike: what is said first, and what is folded away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the terminal must speak even where parts of the product are missing
    from sql_tools.models import Change, Check, JoinUsed, OutputColumn, Proof, TableUsed

Line = tuple[str, str]  # what it is about, and what is said

HASH_CHARS = 12
VOUCHED = {"verified_query": "Query", "metrics_as_defined": "Metric"}
AREAS = {  # what the checks are about, in a reader's words, and those that look at it
    "that it only reads": (
        *("one_statement", "only_a_select", "only_known_nodes", "only_plain_words", "only_known_functions"),
        *(
            "only_plain_tables",
            "no_words_of_the_session",
            "recursion_is_bounded",
            "columns_are_few",
            "products_are_small",
            "text_is_kept",
        ),
    ),
    "that its names exist and its types fit": (
        *("known_tables", "known_columns", "no_aggregate_in_where", "types_go_together", "groups_have_one_value"),
        "engine_explain",
    ),
    "that no join counts a row twice": ("each_row_counted_once",),
    "that joins follow keys and meet": ("joins_keep_to_keys", "joins_can_meet", "no_match_counts_nothing"),
    "its conditions and the values in them": ("conditions_can_differ", "values_are_held", "not_in_meets_no_null"),
    "what it sums, ranks and divides": (
        *("fractions_are_kept", "limits_are_ordered", "groups_have_several_rows", "ratios_can_differ"),
        *(
            "limits_lose_nothing",
            "numbers_order_as_numbers",
            "casts_keep_values",
            "months_keep_their_year",
            "categories_are_spelt_alike",
        ),
    ),
}
NEVER = "whether this is what you meant"
KEYS = {"declared": "a declared key", "inferred": "a key inferred from names and values", "none": "no known key"}


def summary(proof: Proof) -> Iterator[Line]:
    """What a reader wants first: who vouches for the SQL or a number in it, the SQL in words, the tables, the joins."""
    for check in proof.checks:
        if check.outcome == "passed" and check.name in VOUCHED:
            yield VOUCHED[check.name], check.detail
    yield "In words", proof.reading
    if proof.tables:
        yield "Table" + "s" * (len(proof.tables) > 1), ", ".join(_table(table) for table in proof.tables)
    for join in proof.joins:
        yield "Join", _join(join)


def details(proof: Proof) -> Iterator[Line]:
    """The rest: where each column comes from, the filters, and what it takes to run it again."""
    for column in proof.columns:
        yield f"Column {column.name}", _origin(column)
    for condition in proof.filters:
        yield "Filter", condition
    dialect = "" if proof.dialect in proof.warehouse else f" ({proof.dialect})"
    yield "Ran", f"at {proof.time} as {proof.role} on {proof.warehouse}{dialect}, query {proof.query_id}"
    weights = f", weights {_short(proof.weights) if proof.weights else 'not known here'}" if proof.prompt_hash else ""
    yield "Model", f"{proof.model}{weights}"
    hashes = {
        "SQL": proof.sql_hash,
        "rows": proof.rows_hash,
        "catalog": proof.catalog_hash,
        "prompt": proof.prompt_hash,
    }
    yield "Hashes", ", ".join(f"{name} {_short(value)}" for name, value in hashes.items() if value)


def checked(checks: Sequence[Check]) -> str:
    """One line: what was looked at and is in order, and what was not looked at. Warnings have lines of their own."""
    outcomes = {check.name: check.outcome for check in checks}
    fine = [area for area, names in AREAS.items() if {outcomes[n] for n in names if n in outcomes} == {"passed"}]
    open_ = dict.fromkeys(check.name.replace("_", " ") for check in checks if check.outcome == "not_checked")
    looked = f"Checked: {'; '.join(fine)}. " if fine else ""
    return f"{looked}Not checked: {'; '.join([*open_, NEVER])}."


def changed(change: Change) -> str:
    """What a repair did: `t1.name` became `t2.name`, and why."""
    before, after = (" ".join(part.split()) for part in (change.before, change.after))
    return f"{before} became {after}: {change.why}" if before else f"{after} was added: {change.why}"


def _table(table: TableUsed) -> str:
    return f"{table.name} ({_rows(table.row_count)})" if table.row_count is not None else table.name


def _join(join: JoinUsed) -> str:
    keys = " and ".join(f"{pair.left} = {pair.right}" for pair in join.keys)
    matched = keys or join.condition or f"every row with every row of {join.right}"
    said = [KEYS[join.key], _uniqueness(join)]
    if join.rows_before is not None and join.rows_after is not None:
        said.append(f"{_rows(join.rows_before)} before, {join.rows_after:,} after")
    kind = "" if join.kind in ("inner", "cross") else f"{join.kind}: "
    return f"{kind}{matched} ({'; '.join(filter(None, said))})"


def _uniqueness(join: JoinUsed) -> str:
    """On which side the key never repeats; nothing where that is not known of either."""
    sides = (
        (join.left_unique, [pair.left for pair in join.keys]),
        (join.right_unique, [pair.right for pair in join.keys]),
    )
    unique = [ends[0].rpartition(".")[0] for is_unique, ends in sides if is_unique and ends]
    if unique:
        return f"unique in {' and '.join(dict.fromkeys(unique))}"
    return "unique on neither side" if join.left_unique is False and join.right_unique is False else ""


def _origin(column: OutputColumn) -> str:
    sources = [f"rows of {s.table}" if s.column == "*" else f"{s.table}.{s.column}" for s in column.sources]
    made = f"{' '.join(column.expression.split())}, " if column.expression and [column.expression] != sources else ""
    if not column.complete:
        sources.append("something that could not be traced")
    return f"{made}from {', '.join(sources) or 'no table'}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _short(digest: str) -> str:
    """A hash's beginning, enough to compare by eye; the JSON has it whole."""
    kind, _, value = digest.rpartition(":")
    return f"{kind}:{value[:HASH_CHARS]}" if kind else value[:HASH_CHARS]
