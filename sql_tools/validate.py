"""Draft SQL -> SQL that may run: every rule in order, on the tree; what runs is written from the checked tree."""

import logging
import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_tools.errors import CopilotError, InvalidSQLError, UnavailableError, WarehouseError
from sql_tools.models import Check, Context, DraftSQL, ValidSQL
from sql_tools.query.identifiers import folded
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
    reads,
    shares,
    types,
    values,
)
from sql_tools.semantic.expand import defined_names

RULES: tuple[Rule, ...] = (
    reads.only_a_select,
    reads.only_known_nodes,
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
MAX_SQL_CHARS = 50_000
logging.getLogger("sqlglot").addHandler(logging.NullHandler())  # its warnings are no news to a user
LACKING = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>")


def validate(draft: DraftSQL, context: Context, *, explain: Callable[[str], str | None] | None = None) -> ValidSQL:
    """The draft as it may run, with one check a rule. `explain` is the engine's own opinion, asked last.

    Raises InvalidSQLError with words a model or a user can act on; its `rule` names the rule.
    """
    tree = folded(parse(draft), draft.dialect)
    checks = [Check(name="one_statement", passed=True, detail="one statement, comments dropped")]
    for rule in _rules(context):
        tree, detail = _apply(rule, tree, context)
        checks.append(Check(name=rule.__name__, passed=True, detail=detail))
    text = _written(tree, draft.dialect)
    if explain is not None:
        planned = _explain(text, explain) or "the engine binds and plans it"
        checks.append(Check(name="engine_explain", passed=True, detail=planned))
    return ValidSQL(text=text, dialect=draft.dialect, checks=tuple(checks))


def _rules(context: Context) -> list[Rule]:
    """What to pass: names of a semantic file are read first; what nobody asked for in words is not mended."""
    rules = [rule for rule in RULES if context.question or rule not in MENDS]
    return [defined_names, *rules] if context.semantics else rules


def _apply(rule: Rule, tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    try:
        return rule(tree, context)
    except RecursionError as error:
        raise _too_deep(rule.__name__) from error
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


def _written(tree: exp.Expr, dialect: str) -> str:
    """The tree as SQL, without comments: nothing hides in what runs."""
    try:
        return tree.sql(dialect=dialect, pretty=True, comments=False)
    except RecursionError as error:
        raise _too_deep("one_statement") from error


def _too_deep(rule: str) -> InvalidSQLError:
    return InvalidSQLError(
        "The SQL is nested too deeply to be checked.", "Use fewer parentheses or subqueries in one another.", rule=rule
    )


def parse(draft: DraftSQL) -> exp.Expr:
    """The draft's one statement as a tree; InvalidSQLError if there is none, more than one, or it does not parse."""
    if len(draft.text) > MAX_SQL_CHARS:
        raise InvalidSQLError(f"The SQL is longer than {MAX_SQL_CHARS:,} characters.", rule="one_statement", fatal=True)
    try:
        found = [tree for tree in sqlglot.parse(draft.text, read=draft.dialect) if tree is not None]
    except RecursionError as error:
        raise _too_deep("one_statement") from error
    except Exception as error:  # sqlglot's own, and what breaks in its parser on odd text
        words = getattr(error, "errors", None)
        said = str(error).split("\n")[0] if isinstance(error, (SqlglotError, ValueError)) else ""
        why = words[0].get("description", "") if words else said
        why = LACKING.sub(r"function \1 lacks an argument", why)
        raise InvalidSQLError(f"The SQL does not parse: {why or 'bad syntax'}.", rule="one_statement") from error
    found = [tree for tree in found if not isinstance(tree, exp.Semicolon)]
    if not found:
        raise InvalidSQLError("There is no SQL statement.", rule="one_statement")
    if len(found) > 1:
        raise InvalidSQLError(
            f"One statement at a time; these are {len(found)}.", rule="one_statement", fatal=_any_write(found)
        )
    return found[0]


def _any_write(trees: list[exp.Expr]) -> bool:
    return any(not isinstance(tree, (exp.Query, exp.Paren)) for tree in trees)


def _explain(text: str, explain: Callable[[str], str | None]) -> str | None:
    try:
        return explain(text)
    except UnavailableError:
        raise
    except WarehouseError as error:
        raise InvalidSQLError(error.message, error.hint, rule="engine_explain") from error
