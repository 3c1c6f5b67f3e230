"""Draft SQL -> SQL that may run.

The draft is parsed, and where repairs are given its slips are mended; then it is written as the one text that runs. That
text is parsed again, and every rule reads this second tree: what is checked is what runs. Both texts must say the same, word
for word, but for what was mended, which is told; and the second tree, written again, must give the same text.

The fences are ours alone. On what names, types and groups mean the engine has the last word: what it plans, runs.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlglot import exp
from sqlglot.errors import SqlglotError, TokenError

from sql_tools.errors import CopilotError, InvalidSQLError, NotChecked, UnavailableError, WarehouseError
from sql_tools.models import Change, Check, Context, DraftSQL, ValidSQL
from sql_tools.query.identifiers import folded
from sql_tools.query.kept_words import told_otherwise
from sql_tools.query.text import double_quoted, parse, too_deep, write
from sql_tools.repairs import Repair, joins, lambdas, literals
from sql_tools.repairs import names as repaired_names
from sql_tools.rules import Rule, bounds, grouping, names, plain_words, reads, types
from sql_tools.semantic.expand import defined_names

READS: tuple[Rule, ...] = (
    reads.only_a_select,
    reads.only_known_nodes,
    plain_words.only_plain_words,
    reads.only_known_functions,
    reads.only_plain_tables,
    bounds.recursion_is_bounded,
    bounds.columns_are_few,
)
FENCES: tuple[Rule, ...] = (*READS, names.known_tables, names.no_words_of_the_session, bounds.products_are_small)
MEANINGS: tuple[Rule, ...] = (
    names.known_columns,
    grouping.no_aggregate_in_where,
    types.types_go_together,
    grouping.groups_have_one_value,
)
RULES = FENCES + MEANINGS
BINDING: tuple[Repair, ...] = (  # for a draft that does not bind
    repaired_names.table_names,
    joins.missing_tables,
    repaired_names.column_names,
    repaired_names.spelt_as_stored,
)
REPAIRS: tuple[Repair, ...] = (lambdas.lambda_keywords, *BINDING, literals.stored_texts)
Explain = Callable[[str], str | None]
T = TypeVar("T")


def validate(
    draft: DraftSQL, context: Context, *, explain: Explain | None = None, repairs: Sequence[Repair] = ()
) -> ValidSQL:
    """The draft as it may run, with one check a rule. `explain` is the engine's own opinion; `repairs` may change the draft,
    and are for a model's alone.

    Raises InvalidSQLError with words a model or a user can act on; its `rule` names the rule.
    """
    said = double_quoted(draft.text, draft.dialect)
    tree = parse(said, draft.dialect)
    written = write(tree, draft.dialect)
    tree = folded(tree, draft.dialect)
    changes = _guarded(defined_names, tree, context)
    for rule in READS:
        _guarded(rule, tree, context)
    _require_same_words(said, written, draft.dialect)
    if repairs:
        changes += _repaired(tree, context, explain, repairs)
    elif lambdas.arrows(tree, context):
        hint = "Write lambda x: x + 1 instead."
        raise InvalidSQLError("This DuckDB takes no arrow in a lambda, as in x -> x + 1.", hint, rule="known_columns")
    valid = _settled(write(tree, draft.dialect, last=True), context, explain)
    return valid.model_copy(update={"changes": tuple(changes)})


def _settled(text: str, context: Context, explain: Explain | None) -> ValidSQL:
    """The text as it runs, with the verdict of each rule on its tree; InvalidSQLError from a fence, from the engine, or
    from a rule that the engine does not contradict."""
    tree = parse(text, context.dialect)
    checks = [Check(name="one_statement", outcome="passed", detail="one statement, comments dropped")]
    checks += [Check(name=r.__name__, outcome="passed", detail=_guarded(r, tree, context)) for r in FENCES]
    problems = {rule: _problem(rule, tree, context) for rule in MEANINGS}
    if write(tree, context.dialect) != text:
        raise InvalidSQLError("The SQL reads otherwise than it is written.", "Write it plainer.", rule="text_is_kept")
    checks.append(Check(name="text_is_kept", outcome="passed", detail="what was checked is the text that runs"))
    refused = next((problem for problem in problems.values() if isinstance(problem, InvalidSQLError)), None)
    if explain is None:
        if refused:
            raise refused
        planned = ""
    else:
        try:
            planned = _explain(text, explain) or "the engine binds and plans it"
        except InvalidSQLError as error:
            raise refused or error from error
    checks += [_verdict(rule, problem, planned) for rule, problem in problems.items()]
    if planned:
        checks.append(Check(name="engine_explain", outcome="passed", detail=planned))
    return ValidSQL(text=text, dialect=context.dialect, checks=tuple(checks))


def _verdict(rule: Rule, found: str | NotChecked | InvalidSQLError, planned: str) -> Check:
    """The check of a rule on meanings, once the engine has planned the text, or was not asked."""
    if (
        isinstance(found, InvalidSQLError) and rule is types.types_go_together
    ):  # it was looked at; a row may still stop it
        return Check(name=rule.__name__, outcome="warned", detail=f"{found.message} {found.hint}".strip())
    if isinstance(found, InvalidSQLError):
        told = f"the engine takes it; what we know says otherwise: {found.message}"
        return Check(name=rule.__name__, outcome="not_checked", detail=told)
    if isinstance(found, NotChecked):
        told = f"left to the engine, which plans it: {found}" if planned else str(found)
        return Check(name=rule.__name__, outcome="passed" if planned else "not_checked", detail=told)
    return Check(name=rule.__name__, outcome="passed", detail=found)


def _repaired(tree: exp.Expr, context: Context, explain: Explain | None, repairs: Sequence[Repair]) -> list[Change]:
    """Changes the tree where it does not bind, or where a literal is written otherwise than stored; what was changed."""
    binds = _is_bound(tree, context) or (explain is not None and _engine_takes(tree, context, explain))
    wanted = [repair for repair in repairs if not (binds and repair in BINDING)]
    return [change for repair in wanted for change in _guarded(repair, tree, context)]


def _is_bound(tree: exp.Expr, context: Context) -> bool:
    """Does every name mean something by our reading?"""
    try:
        for rule in (names.known_tables, names.known_columns):
            _guarded(rule, tree, context)
    except InvalidSQLError:
        return False
    return repaired_names.are_found(tree, context)


def _engine_takes(tree: exp.Expr, context: Context, explain: Explain) -> bool:
    """Does the engine plan the draft as it is? It is asked only about what passes the fences."""
    try:
        _settled(write(tree, context.dialect), context, explain)
    except InvalidSQLError:
        return False
    return True


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


def _problem(rule: Rule, tree: exp.Expr, context: Context) -> str | NotChecked | InvalidSQLError:
    """What the rule looked at, why it could not look, or its complaint."""
    try:
        return _guarded(rule, tree, context)
    except (NotChecked, InvalidSQLError) as error:
        return error


def _guarded(step: Callable[[exp.Expr, Context], T], tree: exp.Expr, context: Context) -> T:
    """What a rule or repair returns; whatever breaks in it is an InvalidSQLError: what breaks has not said yes."""
    try:
        return step(tree, context)
    except RecursionError as error:
        raise too_deep(step.__name__) from error
    except SqlglotError as error:
        why = str(error).split("\n")[0].strip(" :")
        hint = "Give each table and subquery in FROM an alias of its own."
        raise InvalidSQLError(f"The SQL can't be checked: {why}.", hint, rule=step.__name__) from error
    except (CopilotError, NotChecked):
        raise
    except Exception as error:
        raise InvalidSQLError(
            f"The SQL can't be checked: {step.__name__} broke ({type(error).__name__}).",
            "Write it in a plainer way, and report this.",
            rule=step.__name__,
        ) from error


def _explain(text: str, explain: Explain) -> str | None:
    try:
        return explain(text)
    except UnavailableError:
        raise
    except WarehouseError as error:
        refused = InvalidSQLError(error.message, error.hint, rule="engine_explain")
        refused.without_values = error.without_values
        raise refused from error
