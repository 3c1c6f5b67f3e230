"""Draft SQL -> SQL that may run.

The draft is parsed, its names bound and its slips mended, then written as the one text that runs. That text is parsed again,
and every rule reads this second tree: what is checked is what runs. Both texts must say the same, word for word, but for
what was mended; and the second tree, written again, must give the same text.
"""

from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import SqlglotError, TokenError

from sql_tools.errors import CopilotError, InvalidSQLError, UnavailableError, WarehouseError
from sql_tools.models import Check, Context, DraftSQL, ValidSQL
from sql_tools.query.identifiers import folded
from sql_tools.query.kept_words import told_otherwise
from sql_tools.query.text import parse, too_deep, write
from sql_tools.rules import (
    MENDS,
    Rule,
    asked,
    bounds,
    grouping,
    habits,
    joins,
    logic,
    matches,
    names,
    order,
    plain_words,
    reads,
    shares,
    types,
    values,
)
from sql_tools.semantic.expand import defined_names

RULES: tuple[Rule, ...] = (
    reads.only_a_select,
    reads.only_known_nodes,
    plain_words.only_plain_words,
    reads.only_known_functions,
    reads.only_plain_tables,
    bounds.recursion_is_bounded,
    names.known_tables,
    joins.joins_follow_keys,
    joins.missing_tables_are_joined,
    names.known_columns,
    bounds.products_are_small,
    values.stored_values,
    asked.flags_are_asked,
    asked.names_are_shown,
    matches.no_idle_joins,
    matches.lacking_is_not_differing,
    matches.matches_do_not_repeat,
    matches.missing_keys_are_outer,
    names.no_column_equals_itself,
    habits.no_aggregate_in_where,
    habits.like_compared_with_like,
    logic.both_means_both,
    logic.no_row_is_both,
    logic.equal_to_a_list_is_in,
    shares.shares_are_of_all,
    habits.text_matches_ignore_case,
    asked.each_has_its_row,
    habits.namesakes_stay_apart,
    habits.grouped_columns,
    order.ties_are_broken,
    types.types_go_together,
    grouping.groups_have_one_value,
)
FENCES = RULES[:5]  # asked of the draft, too: what is no read is neither bound nor mended
BINDS: tuple[Rule, ...] = (names.known_tables, names.known_columns)  # these write names as stored


def validate(draft: DraftSQL, context: Context, *, explain: Callable[[str], str | None] | None = None) -> ValidSQL:
    """The draft as it may run, with one check a rule. `explain` is the engine's own opinion, asked last.

    Raises InvalidSQLError with words a model or a user can act on; its `rule` names the rule.
    """
    tree = parse(draft.text, draft.dialect)
    written = write(tree, draft.dialect)
    tree, notes = _defined(folded(tree, draft.dialect), context)
    for rule in FENCES:
        tree, _ = _apply(rule, tree, context)
    _require_same_words(draft.text, written, draft.dialect)
    for rule in _rules(context):
        if rule in BINDS or rule in MENDS:
            tree, notes[rule] = _apply(rule, tree, context)
    text = write(tree, draft.dialect, last=True)
    checks = [Check(name="one_statement", passed=True, detail="one statement, comments dropped")]
    checks += [Check(name=rule.__name__, passed=True, detail=note) for rule, note in notes.items() if rule not in RULES]
    tree = parse(text, draft.dialect)
    for rule in _rules(context):
        if rule not in MENDS:
            tree, detail = _apply(rule, tree, context)
            notes.setdefault(rule, detail)
        checks.append(Check(name=rule.__name__, passed=True, detail=notes[rule]))
    if write(tree, draft.dialect, last=True) != text:
        raise InvalidSQLError("The SQL reads otherwise than it is written.", "Write it plainer.", rule="text_is_kept")
    checks.append(Check(name="text_is_kept", passed=True, detail="what was checked is the text that runs"))
    if explain is not None:
        planned = _explain(text, explain) or "the engine binds and plans it"
        checks.append(Check(name="engine_explain", passed=True, detail=planned))
    return ValidSQL(text=text, dialect=draft.dialect, checks=tuple(checks))


def _require_same_words(text: str, written: str, dialect: str) -> None:
    """InvalidSQLError where sqlglot, by writing the text again, left out or added something."""
    try:
        changes = told_otherwise(text, written, dialect)
    except TokenError as error:
        raise InvalidSQLError("The SQL does not parse: odd signs in it.", rule="one_statement") from error
    if changes:
        raise InvalidSQLError(
            f"Part of the SQL would get lost when it is written again: {', '.join(changes[:4])}.",
            "Say it in another way, with plainer functions and clauses.",
            rule="text_is_kept",
        )


def _defined(tree: exp.Expr, context: Context) -> tuple[exp.Expr, dict[Rule, str]]:
    """The tree with what the names of a semantic file stand for, and what was put in; as it is where there is no file."""
    if not context.semantics:
        return tree, {}
    tree, note = _apply(defined_names, tree, context)
    return tree, {defined_names: note}


def _rules(context: Context) -> list[Rule]:
    """What to pass; what nobody asked for in words is not mended."""
    return [rule for rule in RULES if context.question or rule not in MENDS]


def _apply(rule: Rule, tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    try:
        return rule(tree, context)
    except RecursionError as error:
        raise too_deep(rule.__name__) from error
    except SqlglotError as error:
        why = str(error).split("\n")[0].strip(" :")
        hint = "Give each table and subquery in FROM an alias of its own."
        raise InvalidSQLError(f"The SQL can't be checked: {why}.", hint, rule=rule.__name__) from error
    except CopilotError:
        raise
    except Exception as error:  # a rule that breaks has not said yes
        raise InvalidSQLError(
            f"The SQL can't be checked: {rule.__name__} broke ({type(error).__name__}).",
            "Write it in a plainer way, and report this.",
            rule=rule.__name__,
        ) from error


def _explain(text: str, explain: Callable[[str], str | None]) -> str | None:
    try:
        return explain(text)
    except UnavailableError:
        raise
    except WarehouseError as error:
        refused = InvalidSQLError(error.message, error.hint, rule="engine_explain")
        refused.without_values = error.without_values
        raise refused from error
