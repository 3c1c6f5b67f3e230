"""What the same weights do without us: python scripts/one_prompt_baseline.py dev.json databases [--limit N] [--seed S]

One zero-shot prompt with the database's own DDL, one greedy answer, run as it is on SQLite; the questions and the
comparison are those of `arctic-copilot eval`. Prints counts, then one line for each question that is wrong.
"""

import argparse
import sqlite3
from pathlib import Path

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from app.open_model import open_model
from sql_tools.evaluation.evaluate import EvalQuestion, database, read_questions, sample
from sql_tools.evaluation.gold import GoldError, is_ordered, run_gold
from sql_tools.evaluation.report import wilson95
from sql_tools.evaluation.score import compare_rows
from sql_tools.generate import sql_in
from sql_tools.settings import read_settings

SYSTEM = "You are an expert in SQLite. Write one SQL query that answers the question. Answer with the SQL alone."


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("questions", type=Path)
    given.add_argument("databases", type=Path)
    given.add_argument("--limit", type=int)
    given.add_argument("--seed", type=int, default=7)
    given.add_argument("--model")
    options = given.parse_args()
    asked = [q for q in read_questions(options.questions) if database(options.databases, q.db_id).exists()]
    model = open_model(read_settings(model=options.model))
    wrong = []
    chosen = sample(asked, limit=options.limit, seed=options.seed)
    for done, question in enumerate(chosen, start=1):
        if reason := wrong_because(question, database(options.databases, question.db_id), model):
            wrong.append(f"{question.id}\t{question.db_id}\t{reason}")
        print(f"\r{done} of {len(chosen)}, {done - len(wrong)} correct", end="", flush=True)
    correct, not_run = len(chosen) - len(wrong), sum("does not run" in line for line in wrong)
    low, high = wilson95(correct, len(chosen))
    print(
        f"\n{correct} of {len(chosen)} = {correct / len(chosen):.1%} ({low:.1%} to {high:.1%}), {not_run} did not run"
    )
    print("\n".join(wrong))


def wrong_because(question: EvalQuestion, path: Path, model: BaseChatModel) -> str:
    """Why the answer is wrong; empty if it is right."""
    messages = [SystemMessage(SYSTEM), HumanMessage(f"{ddl(path)}\n\nQuestion: {question.question}")]
    sql = " ".join(sql_in(str(model.invoke(messages).text)).split())
    gold = run_gold(path, question.query, timeout_seconds=60)
    try:
        rows = run_gold(path, sql, timeout_seconds=60)
    except GoldError as error:
        return f"does not run: {error}\t{sql}"
    return "" if compare_rows(gold, rows, is_ordered(question.query)) else f"other rows\t{sql}"


def ddl(path: Path) -> str:
    """The CREATE statements as the database keeps them."""
    connection = sqlite3.connect(path)
    try:
        return "\n\n".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table'"))
    finally:
        connection.close()


if __name__ == "__main__":
    main()
