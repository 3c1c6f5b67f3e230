"""ask(): question -> context -> prompt -> draft SQL -> valid SQL -> result -> answer, with one bounded repair loop."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from langchain_core.language_models import BaseChatModel

from sql_tools.abstain import doubt, says_too_little, weigh
from sql_tools.answer import answer
from sql_tools.diagnostics.diagnose import Diagnosis, diagnose
from sql_tools.diagnostics.empty_result import is_empty, why_empty
from sql_tools.errors import (
    CopilotError,
    InvalidSQLError,
    OverBudgetError,
    QueryTimeoutError,
    QuestionError,
    StaleCatalogError,
    UnavailableError,
    WarehouseError,
)
from sql_tools.execute import execute
from sql_tools.generate import generate
from sql_tools.grammar import require_match, sendable
from sql_tools.models import (
    Answer,
    Attempt,
    Change,
    Check,
    Context,
    DraftSQL,
    OnStage,
    Proof,
    QueryResult,
    Question,
    Record,
    Stage,
    Status,
    ValidSQL,
)
from sql_tools.prompt import prompt, repair_prompt, without_values
from sql_tools.proof.card import model_name, proof
from sql_tools.proof.hashes import prompt_hash
from sql_tools.query.text import without_texts
from sql_tools.query_tag import tag_field, tagged
from sql_tools.refuse import refuse
from sql_tools.repairs import Repair
from sql_tools.retrieval.vocabulary import unknown_words
from sql_tools.retrieve import catalog_of, retrieve
from sql_tools.semantic import semantics_of
from sql_tools.semantic.defined import require_defined
from sql_tools.semantic.matching import verified_for
from sql_tools.semantic.verified import LAPSED, verified_answer, verified_check
from sql_tools.settings import Settings
from sql_tools.untrusted import shareable
from sql_tools.validate import REPAIRS, validate
from sql_tools.vote import vote
from sql_tools.warehouses import Warehouse

VOTE_TEMPERATURE = 0.7
NAME_MISSING = 0.08  # less doubt is enough once a draft needed a name that does not exist
REPAIR_CANDIDATES = 3  # asked greedily again, a small model repeats itself


class Problem(Record):
    """One rule's complaint."""

    rule: str
    message: str


class CheckReport(Record):
    """The outcome of `check`: the SQL as it would run, or why it may not."""

    allowed: bool
    sql: str
    dialect: str = ""
    problems: tuple[Problem, ...] = ()
    checks: tuple[Check, ...] = ()
    changes: tuple[Change, ...] = ()
    rewritten: str = ""


def ask(
    question: Question | str,
    warehouse: Warehouse,
    model: BaseChatModel,
    settings: Settings,
    *,
    on_stage: OnStage | None = None,
) -> Answer:
    """Answer one question with checked SQL, or say why not; `Answer.status` tells which.

    Raises QuestionError for a question that cannot be used, ModelError if the model cannot be reached, and
    WarehouseError if the catalog cannot be read. A query the engine refuses is an Answer with status failed.
    """
    asked = Question(text=question) if isinstance(question, str) else question
    run = _Run(usable(asked, settings), warehouse, model, settings, on_stage)
    with tagged(request=tag_field("request") or uuid4().hex, model=model_name(model)):
        try:
            return run.answer()
        except StaleCatalogError as error:  # once: the catalog has been read again since
            run.renewed = error.message
            return run.answer()


def check(sql: str, warehouse: Warehouse, settings: Settings, *, ask_data: bool = True) -> CheckReport:
    """The same checks as for a draft, on SQL somebody wrote. Its rows are not shown; with `ask_data`, what keys and
    values are like is asked of the data, in a few seconds at most. Without, nothing is executed."""
    tables = catalog_of(warehouse).tables
    context = Context(
        dialect=warehouse.dialect,
        tables=tables,
        catalog=tables,
        limits=settings.read_limits,
        semantics=semantics_of(warehouse),
    )
    try:
        valid = validate(DraftSQL(text=sql, dialect=warehouse.dialect), context, explain=warehouse.explain)
    except InvalidSQLError as error:
        problem = Problem(rule=error.rule, message=error.message)
        return CheckReport(allowed=False, sql=sql, dialect=warehouse.dialect, problems=(problem,))
    except OverBudgetError as error:
        problem = Problem(rule="scan_budget", message=f"{error.message} {error.hint}".strip())
        return CheckReport(allowed=False, sql=error.sql, dialect=warehouse.dialect, problems=(problem,))
    found = diagnose(valid.text, context, warehouse) if ask_data else Diagnosis()
    return CheckReport(
        allowed=True,
        sql=valid.text,
        dialect=valid.dialect,
        checks=valid.checks + found.checks,
        changes=valid.changes,
        rewritten=found.rewritten,
    )


def usable(question: Question, settings: Settings) -> Question:
    """The question without control characters; QuestionError if it is empty or too long. `ask` starts with it."""
    text = "".join(c if c.isprintable() or c.isspace() else " " for c in question.text).strip()
    if not any(c.isalnum() for c in text):
        raise QuestionError("The question is empty.", 'Ask in words, for example "How many customers are there?"')
    if len(text) > settings.max_question_chars:
        raise QuestionError(
            f"The question has {len(text):,} characters; at most {settings.max_question_chars:,} are taken.",
            "Ask something shorter.",
        )
    return question.model_copy(update={"text": text})


def _with_doubts(error: WarehouseError, valid: ValidSQL) -> CopilotError:
    """The engine's complaint about a row, after what the rules had said of the SQL; as it is where they said nothing."""
    doubts = " ".join(check.detail for check in valid.checks if check.outcome == "warned")
    if not doubts or isinstance(error, (UnavailableError, QueryTimeoutError)):
        return error
    told = InvalidSQLError(f"{doubts} The engine: {error.message}", error.hint, rule="types_go_together")
    told.without_values = shareable(error)
    return told


def _without_literals(question: Question, dialect: str) -> Question:
    """The question as a model elsewhere may see it: in an earlier turn's SQL the checks may have put stored values."""
    turns = tuple(turn.model_copy(update={"sql": without_texts(turn.sql, dialect)}) for turn in question.history)
    return question.model_copy(update={"history": turns})


class _Run:
    """One question's way through the pipeline, with its attempts and timings."""

    def __init__(
        self,
        question: Question,
        warehouse: Warehouse,
        model: BaseChatModel,
        settings: Settings,
        on_stage: OnStage | None,
    ) -> None:
        self.question, self.warehouse, self.model, self.settings = question, warehouse, model, settings
        self.told = question if settings.may_share_values else _without_literals(question, warehouse.dialect)
        self.on_stage = on_stage
        self.attempts: list[Attempt] = []
        self.timings: dict[str, float] = {}
        self.doubt = 0.0
        self.absent = False  # was the last draft refused for a name that is nowhere in what may be read?
        self.told_problem = ""  # the last draft's, as the model may see it
        self.grammar: str | None = None
        self.slow: QueryTimeoutError | None = None  # the last round's, where a draft ran past its limit
        self.renewed = ""  # why the catalog was read again on the way
        self.strict = False  # are drafts sent back that compute a metric in another way than defined?
        self.otherwise: list[DraftSQL] = []  # the drafts sent back for that
        self.lapsed: tuple[Check, ...] = ()  # a verified query of this question that the checks do not let run

    def answer(self) -> Answer:
        """The answer; one that would cost more than agreed is a question back."""
        try:
            return self._answer()
        except OverBudgetError as error:
            return self._over_budget(error)

    def _answer(self) -> Answer:
        if refusal := refuse(self.question.text):
            return self._finish("refused", message=refusal)
        with self._stage("retrieve"):
            context = retrieve(
                self.question,
                self.warehouse,
                max_columns=self.settings.max_prompt_columns,
            ).model_copy(update={"limits": self.settings.read_limits})
        if (verified := self._verified(context)) is not None:
            return verified
        shown = context if self.settings.may_share_values else without_values(context)
        if (declined := self._declined(context, shown)) is not None:
            return declined
        messages = prompt(self.told, shown)
        for repair in range(self.settings.max_repairs + 1):
            self.strict = repair == 0  # after that, a number with a warning is better than none
            with self._stage("repair" if repair else "generate", self._last_problem()):
                self.grammar = self._grammar(context, repair)
                drafts = generate(
                    messages,
                    self.model,
                    dialect=context.dialect,
                    grammar=self.grammar,
                    count=REPAIR_CANDIDATES if repair else self.settings.candidates,
                    temperature=VOTE_TEMPERATURE,
                )
            outcomes, refusal = self._try_all(drafts, context)
            if refusal:
                return self._finish("refused", message=refusal)
            if outcomes:
                return self._answered(outcomes, context, prompt_hash(messages))
            if self.slow:  # other SQL for the same question may run as long, and each run costs
                return self._finish("failed", message=f"{self.slow.message} {self.slow.hint}")
            if not repair and self._needs_what_is_not_there():
                return self._abstained(context)
            messages = repair_prompt(prompt(self.told, shown), self._last_attempt())
        self.strict = False
        if self.otherwise and (outcomes := self._try_all(tuple(self.otherwise[:1]), context)[0]):
            return self._answered(outcomes, context, prompt_hash(prompt(self.told, shown)))
        return self._finish("failed", message=f"No SQL passed the checks. {self._last_problem()}")

    def _declined(self, context: Context, shown: Context) -> Answer | None:
        """An answer that asks back or abstains, where the question says too little or the schema cannot tell."""
        names = ", ".join(table.name for table in context.tables[:8])
        if says_too_little(self.question):
            return self._finish("clarify", message=f"What would you like to know? There are tables for {names}.")
        if self.settings.abstain_above >= 1:  # no doubt would count, so none is paid for
            return None
        with self._stage("judge"):
            doubted = doubt(self.told, shown, self.model)
        self.doubt = weigh(doubted, self.question, context) if doubted is not None else 0.0
        return self._abstained(context) if self.doubt > self.settings.abstain_above else None

    def _needs_what_is_not_there(self) -> bool:
        """Was the draft refused for a name that exists nowhere, on a question already in doubt?"""
        return self.absent and self.doubt > self.settings.abstain_above - NAME_MISSING

    def _abstained(self, context: Context) -> Answer:
        names = ", ".join(table.name for table in context.tables[:8])
        unknown = unknown_words(self.question.text, context)
        about = f"it says nothing about {' or '.join(unknown[:3])}; " if unknown else ""
        check = Check(
            name="answerable",
            outcome="warned",
            detail=f"doubt {self.doubt:.2f}, at most {self.settings.abstain_above:.2f}",
        )
        message = f"I can't answer that from this schema: {about}its tables are {names}."
        return self._finish("abstained", message=message, checks=(check,))

    def _over_budget(self, error: OverBudgetError) -> Answer:
        check = Check(name="scan_budget", outcome="warned", detail=error.message)
        message = f"{error.message} {error.hint}".strip()
        return self._finish("clarify", message=message, checks=(check,)).model_copy(update={"sql": error.sql})

    def _try_all(
        self, drafts: tuple[DraftSQL, ...], context: Context, repairs: Sequence[Repair] = REPAIRS
    ) -> tuple[list[tuple[ValidSQL, QueryResult]], str]:
        """The drafts that passed and ran; or the reason, where the only thing drafted is a write."""
        outcomes = []
        refusals = []
        self.slow = None
        for draft in drafts:
            try:
                outcomes.append(self._try_one(draft, context, repairs))
                self.attempts.append(Attempt(sql=draft.text))
            except UnavailableError:
                raise
            except (InvalidSQLError, WarehouseError) as error:
                self.slow = error if isinstance(error, QueryTimeoutError) else self.slow
                self.attempts.append(Attempt(sql=draft.text, problem=error.message))
                told = f"{error.message} {error.hint}".strip() if isinstance(error, InvalidSQLError) else error.message
                self.told_problem = told if self.settings.may_share_values else shareable(error)
                self.absent = isinstance(error, InvalidSQLError) and error.absent
                if isinstance(error, InvalidSQLError) and error.fatal:
                    refusals.append(error.message)
        return outcomes, refusals[0] if refusals and not outcomes else ""

    def _try_one(self, draft: DraftSQL, context: Context, repairs: Sequence[Repair]) -> tuple[ValidSQL, QueryResult]:
        with self._stage("validate"):
            valid = validate(draft, context, explain=self.warehouse.explain, repairs=repairs)
            if self.grammar is not None:
                require_match(self.grammar, draft.text)
            if self.strict and context.semantics:
                self._require_defined(draft, valid, context)
        with self._stage("execute"):
            try:
                return valid, execute(valid, self.warehouse, self.settings)
            except WarehouseError as error:
                raise _with_doubts(error, valid) from error

    def _require_defined(self, draft: DraftSQL, valid: ValidSQL, context: Context) -> None:
        """InvalidSQLError if a metric that was asked for is computed in another way than the semantic file says."""
        try:
            require_defined(valid, context)
        except InvalidSQLError:
            self.otherwise.append(draft)
            raise

    def _verified(self, context: Context) -> Answer | None:
        """The answer of a verified query that is this very question, run through the same checks; no model is asked."""
        query = verified_for(self.question.text, context.semantics) if context.semantics else None
        if query is None or context.semantics is None:
            return None
        found = verified_check(query, context.semantics)
        draft = DraftSQL(text=query.sql, dialect=context.dialect)
        as_given = context.model_copy(update={"question": ""})  # what a person vouches for is judged as it stands
        outcomes, _ = self._try_all((draft,), as_given, repairs=())
        if outcomes:
            valid, result = outcomes[0]
            valid = valid.model_copy(update={"checks": (found, *valid.checks)})
            return verified_answer(self._answered([(valid, result)], as_given, ""))
        self.lapsed = (Check(name=found.name, outcome="warned", detail=f"{LAPSED}: {self._last_problem()}"),)
        return None

    def _grammar(self, context: Context, repair: int) -> str | None:
        """The grammar the next drafts have to keep to, if the settings want one."""
        wanted = self.settings.grammar == "always" or (self.settings.grammar == "repair" and repair > 0)
        return sendable(context.tables, context.dialect) if wanted else None

    def _answered(self, outcomes: list[tuple[ValidSQL, QueryResult]], context: Context, asked: str) -> Answer:
        with self._stage("answer"):
            winner, agreed = vote([result for _, result in outcomes])
            valid, result = outcomes[winner]
            found = diagnose(valid.text, context, self.warehouse)
            checks = self.lapsed + valid.checks + found.checks
            if self.renewed:
                checks += (Check(name="catalog", outcome="passed", detail=self.renewed),)
            if self.settings.candidates > 1:
                checks += (
                    Check(name="agreement", outcome="passed", detail=f"{agreed} of {len(outcomes)} drafts agree"),
                )
            card = self._proof(valid.model_copy(update={"checks": checks}), result, context, asked)
            message = self._message(valid, result, context)
        answered = self._finish("answered", valid=valid, result=result, checks=checks, message=message, proof=card)
        return answered.model_copy(update={"rewritten": found.rewritten})

    def _message(self, valid: ValidSQL, result: QueryResult, context: Context) -> str:
        """The sentence that answers; where nothing was found, also which condition let nothing through."""
        why = why_empty(valid.text, context, self.warehouse) if is_empty(result, valid.text, valid.dialect) else ""
        return f"{answer(result)} {why}".strip()

    def _proof(self, valid: ValidSQL, result: QueryResult, context: Context, asked: str) -> Proof | None:
        """The answer's card; whatever goes wrong in making it, the answer is not lost."""
        try:
            return proof(valid, result, context, self.warehouse, self.model, prompt_hash=asked)
        except Exception:
            return None

    def _finish(
        self,
        status: Status,
        *,
        message: str,
        valid: ValidSQL | None = None,
        result: QueryResult | None = None,
        checks: tuple[Check, ...] = (),
        proof: Proof | None = None,
    ) -> Answer:
        return Answer(
            status=status,
            question=self.question.text,
            sql=valid.text if valid else "",
            dialect=self.warehouse.dialect,
            columns=result.columns if result else (),
            rows=result.rows if result else (),
            row_count=len(result.rows) if result else 0,
            truncated=result.truncated if result else False,
            checks=checks,
            changes=valid.changes if valid else (),
            message=message,
            attempts=tuple(self.attempts),
            model=model_name(self.model),
            timings={stage: round(seconds, 4) for stage, seconds in self.timings.items()},
            proof=proof,
        )

    def _last_attempt(self) -> Attempt:
        """The last draft and its problem as the model may see it: an engine's complaint may quote stored values."""
        return Attempt(sql=self.attempts[-1].sql, problem=self.told_problem)

    def _last_problem(self) -> str:
        return self.attempts[-1].problem if self.attempts else ""

    @contextmanager
    def _stage(self, stage: Stage, detail: str = "") -> Iterator[None]:
        if self.on_stage:
            self.on_stage(stage, detail)
        started = time.perf_counter()
        try:
            with tagged(stage=stage):
                yield
        finally:
            self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - started
