"""A conversation: each message is understood first, then answered, the same behind the chat, the terminal and the procedures.

    conversation = Conversation(warehouse, model, settings)
    conversation.ask("How many rides were there in 2024?")
    conversation.ask("only e-bikes")           # answered as a question in full, with what was kept and dropped
    conversation.ask("as a bar chart")         # from the rows above, without SQL

What is refused, what is about the product and what is about the rows above costs no call of the model; a first question costs
none more than by itself; a message that leans on the one before costs one short call.
"""

from collections.abc import Iterable
from typing import Any

from langchain_core.language_models import BaseChatModel

from sql_tools import copilot
from sql_tools.conversation.explain import explained
from sql_tools.conversation.help import helped
from sql_tools.conversation.intents import intent_of
from sql_tools.conversation.languages import Language, language_of, plain_text
from sql_tools.conversation.messages import in_language, say
from sql_tools.conversation.references import bound
from sql_tools.conversation.resolve import resolved
from sql_tools.conversation.shown import Shown, about_shown
from sql_tools.conversation.suggest import suggest_questions
from sql_tools.errors import InvalidSQLError, WarehouseError
from sql_tools.execute import execute
from sql_tools.models import Answer, Context, DraftSQL, Intent, OnStage, Question, Turn
from sql_tools.prompt import without_values
from sql_tools.proof.card import is_ordered
from sql_tools.proof.hashes import rows_hash
from sql_tools.query.text import parse
from sql_tools.refuse import refuse
from sql_tools.retrieve import catalog_of, retrieve
from sql_tools.semantic import semantics_of
from sql_tools.settings import Settings
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse

MAX_TURNS = 6  # older ones are not shown to the model
MAX_SHOWN_ROWS = 5
MAX_CELL_CHARS = 40


class Conversation:
    """The messages so far and what came of each. `answers` are those before, oldest first: an error or a decline among them does
    not end it. Unless they are of the `same_session` and its role, their rows are read again before anything is made of them."""

    def __init__(
        self,
        warehouse: Warehouse,
        model: BaseChatModel,
        settings: Settings,
        answers: Iterable[Answer] = (),
        *,
        same_session: bool = False,
    ) -> None:
        self.warehouse, self.model, self.settings = warehouse, model, settings
        self.answers = list(answers)
        self.earlier = 0 if same_session else len(self.answers)  # rows of another session may have changed since
        self.role = warehouse.role

    def ask(self, text: str, *, alone: bool = False, on_stage: OnStage | None = None) -> Answer:
        """The answer to a message, remembered. `alone`: as a question of its own, whatever was asked before.

        Raises QuestionError for a text that is empty or too long, and what `copilot.ask` raises."""
        said = copilot.usable(Question(text=text), self.settings).text
        answer = self._answered(said, alone, on_stage)
        self.answers.append(answer)
        return answer

    def _answered(self, said: str, alone: bool, on_stage: OnStage | None) -> Answer:
        language, above = language_of(said), None if alone else self._above()
        if refuse(said):
            return self._told(said, "question", say("refused", language), status="refused")
        are_whole = above is not None and not above.truncated and self._is_same_role()
        if above is not None and are_whole and about_shown(said, above.columns, above.rows):
            now, note = self._as_of_now(above, language)
            if now is not None and (shown := about_shown(said, now.columns, now.rows)):
                return self._from_rows(said, now, shown, language, note)
        intent = intent_of(said, has_history=above is not None)
        if intent == "help":
            return self._helped(said, language)
        if intent == "vague":
            return self._told(
                said, "vague", say("vague", language), status="clarify", suggestions=self._suggestions(language)
            )
        if intent == "explain":
            return self._explained(said, above, language)
        if above is None or intent == "question":
            return self._of(Question(text=plain_text(said)), said, "question", on_stage)
        return self._leaning(said, above, intent, language, on_stage)

    def _leaning(
        self, said: str, above: Answer, intent: Intent | None, language: Language, on_stage: OnStage | None
    ) -> Answer:
        """A message after an answer: a question of its own, or one that the answer's question completes."""
        in_place = bound(plain_text(said), above.columns, above.rows if self._may_name_rows() else ())
        if in_place is None:
            return self._told(said, "follow_up", say("which_row", language), status="clarify")
        base = next(
            (a for a in reversed(self.answers) if a.status == "answered" and a.sql and a.intent != "explain"), above
        )
        last = _turn(base, self.settings)
        asked = Question(text=in_place, history=(last,))
        context = retrieve(asked, self.warehouse, max_columns=self.settings.max_prompt_columns)
        shown = context if self.settings.may_share_values else without_values(context)
        full = resolved(in_place, last, shown, self.model, certain=intent == "follow_up")
        if not full:
            return self._of(Question(text=in_place), said, "new_topic", on_stage)
        answer = self._of(Question(text=full, history=(last,)), said, "follow_up", on_stage)
        gone = _dropped(base, answer)
        return answer.model_copy(update={"resolved_question": full, "dropped": gone})

    def _of(self, question: Question, said: str, intent: Intent, on_stage: OnStage | None) -> Answer:
        answer = copilot.ask(question, self.warehouse, self.model, self.settings, on_stage=on_stage)
        language = language_of(said)
        update: dict[str, Any] = {"question": said, "intent": intent, "message": in_language(answer.message, language)}
        if answer.status in ("abstained", "clarify"):
            update["suggestions"] = answer.suggestions or self._suggestions(language)
        return answer.model_copy(update=update)

    def _from_rows(self, said: str, above: Answer, shown: Shown, language: Language, note: str) -> Answer:
        what = list(shown.told)
        if shown.chart:
            what.append(say("chart", language, type=shown.chart.type, x=shown.chart.x, y=shown.chart.y))
        return Answer(
            status="answered",
            question=said,
            intent="about_answer",
            dialect=above.dialect,
            columns=shown.columns,
            rows=shown.rows,
            row_count=len(shown.rows),
            message=f"{say('from_above', language, what='; '.join(what))} {note}".strip(),
            chart=shown.chart,
        )

    def _as_of_now(self, above: Answer, language: Language) -> tuple[Answer | None, str]:
        """The answer above with today's rows, and a note where they are others than were shown; None where its SQL no longer
        runs. What this session showed is taken as it was shown."""
        if above not in self.answers[: self.earlier] or above in self.answers[self.earlier :]:
            return above, ""
        if not above.sql or above.proof is None:
            return None, ""
        tables = catalog_of(self.warehouse).tables
        context = Context(
            dialect=self.warehouse.dialect, tables=tables, catalog=tables, limits=self.settings.read_limits
        )
        try:
            valid = validate(DraftSQL(text=above.sql, dialect=context.dialect), context, explain=self.warehouse.explain)
            result = execute(valid, self.warehouse, self.settings)
        except (InvalidSQLError, WarehouseError):
            return None, ""
        same = rows_hash(result.rows, ordered=is_ordered(parse(valid.text, valid.dialect))) == above.proof.rows_hash
        if result.truncated:
            return None, ""
        now = above.model_copy(update={"columns": result.columns, "rows": result.rows, "row_count": len(result.rows)})
        return now, "" if same else say("changed_since", language)

    def _explained(self, said: str, above: Answer | None, language: Language) -> Answer:
        with_proof = next((a for a in reversed(self.answers) if a.proof is not None), None)
        if above is None or with_proof is None:
            return self._told(said, "explain", say("nothing_above", language), status="clarify")
        told = self._told(said, "explain", explained(with_proof, language))
        return told.model_copy(update={"sql": with_proof.sql, "dialect": with_proof.dialect})

    def _helped(self, said: str, language: Language) -> Answer:
        tables, semantics = catalog_of(self.warehouse).tables, semantics_of(self.warehouse)
        message = helped(said, tables, semantics, self.warehouse, language)
        return self._told(said, "help", message, suggestions=self._suggestions(language))

    def _suggestions(self, language: Language) -> tuple[str, ...]:
        return suggest_questions(catalog_of(self.warehouse).tables, language=language)

    def _told(
        self, said: str, intent: Intent, message: str, *, status: Any = "answered", suggestions: tuple[str, ...] = ()
    ) -> Answer:
        return Answer(
            status=status,
            question=said,
            intent=intent,
            message=message,
            suggestions=suggestions,
            dialect=self.warehouse.dialect,
        )

    def _above(self) -> Answer | None:
        """The last answer that shows rows: what a message may lean on."""
        shows = (a for a in reversed(self.answers) if a.status == "answered" and a.intent not in ("help", "explain"))
        return next((a for a in shows if a.sql or a.columns), None)

    def _is_same_role(self) -> bool:
        """Whoever's rows are shown asks still; another role's rows are not looked at again."""
        return self.warehouse.role == self.role

    def _may_name_rows(self) -> bool:
        return self.settings.may_share_values and self._is_same_role()


def _turn(answer: Answer, settings: Settings) -> Turn:
    """What the model is shown of an earlier answer."""
    rows = answer.rows[:MAX_SHOWN_ROWS] if settings.may_share_values else ()
    return Turn(
        question=answer.resolved_question or answer.question,
        sql=answer.sql,
        columns=tuple(column.name for column in answer.columns),
        row_count=answer.row_count,
        rows=tuple(tuple(str(cell)[:MAX_CELL_CHARS] for cell in row) for row in rows),
    )


def _dropped(above: Answer, answer: Answer) -> tuple[str, ...]:
    """The conditions of the answer above that the new one no longer has, as the proof says them. One that is now about another value
    of the same column was changed, and not dropped."""
    if above.proof is None or answer.proof is None:
        return ()
    kept = {_about(condition) for condition in answer.proof.filters}
    return tuple(condition for condition in above.proof.filters if _about(condition) not in kept)


def _about(condition: str) -> str:
    """The column that a condition begins with, without its table."""
    return condition.split(" ", 1)[0].rpartition(".")[2].casefold()
