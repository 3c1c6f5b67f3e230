"""How many turns of conversations are understood and answered? `python tests/bench/conversations.py SUITE [--how HOW] [--out FILE]`.

SUITE is tests/sql_tools/conversation/suite (data sets as SQL, turns_*.jsonl), or a JSON file of SParC's or CoSQL's shape with
--databases FOLDER of <db_id>.sqlite, --limit N sequences drawn by --seed from databases other than --without. HOW:
`conversation` as the product has it; `turns` as before it, each turn with the two answered before it in the prompt; `concat` all
messages so far as one question; `alone` each by itself. The model is the one of the settings.

A turn is right if its rows are the gold's (ours may have further columns), in the suite also if its chart, explanation, help,
question back or refusal is. A JSON line a turn goes to FILE; counts by intent, place and language are printed.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
from langchain_core.language_models import BaseChatModel

from app.open_model import open_model
from sql_tools import ask, open_warehouse, read_settings
from sql_tools.conversation.conversation import Conversation
from sql_tools.errors import CopilotError
from sql_tools.evaluation.gold import GoldError, is_ordered, run_gold
from sql_tools.evaluation.report import wilson95
from sql_tools.evaluation.score import compare_rows
from sql_tools.models import Answer, Question, Turn
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse

Json = dict[str, Any]
MAX_COLUMNS = 6
NEAR = 0.051  # a share that is rounded to one place


def main() -> None:
    """All turns, then the counts."""
    options = argparse.ArgumentParser()
    options.add_argument("suite", type=Path)
    options.add_argument("--how", choices=["conversation", "turns", "concat", "alone"], default="conversation")
    options.add_argument("--databases", type=Path)
    options.add_argument("--without", default="")
    options.add_argument("--only", default="")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    settings = read_settings(max_rows=100_000)
    model = open_model(settings)
    told: list[Json] = []
    with tempfile.TemporaryDirectory() as scratch:
        for dialogue in dialogues(given, Path(scratch)):
            warehouse = open_warehouse(dialogue["path"], settings)
            told += turns_of(dialogue, warehouse, model, settings, given.how)
            warehouse.close()
            print(f"{len(told)} turns, {sum(t['right'] for t in told)} right", file=sys.stderr, flush=True)
            if given.out:
                given.out.write_text(
                    "".join(json.dumps(t, ensure_ascii=False, default=str) + "\n" for t in told), "utf-8"
                )
    print(json.dumps(summary(told) | {"how": given.how}, ensure_ascii=False))


def dialogues(given: argparse.Namespace, scratch: Path) -> Iterator[Json]:
    """Each conversation with its database's path, and each turn with how to tell whether it is right."""
    if given.suite.is_dir():
        paths = {}
        for script in sorted(given.suite.glob("*.sql")):
            paths[script.stem] = scratch / f"{script.stem}.duckdb"
            with duckdb.connect(str(paths[script.stem])) as connection:
                connection.execute(script.read_text("utf-8"))
        lines = [
            json.loads(x) for f in sorted(given.suite.glob("turns_*.jsonl")) for x in f.read_text("utf-8").splitlines()
        ]
        for one in lines[: given.limit or None]:
            yield one | {"path": str(paths[one["data"]])}
        return
    apart, only = set(given.without.split(",")), set(filter(None, given.only.split(",")))
    found = [
        one | {"path": str(path), "lang": "en"}
        for one in json.loads(given.suite.read_text("utf-8"))
        if (path := given.databases / f"{database_of(one)}.sqlite").exists()
        and database_of(one) not in apart
        and (not only or database_of(one) in only)
    ]
    found = random.Random(given.seed).sample(found, min(given.limit or len(found), len(found)))
    for n, one in enumerate(found):
        turns = one.get("interaction") or one.get("turns") or []
        yield {
            "id": one.get("id", n),
            "lang": "en",
            "path": one["path"],
            "turns": [
                {"text": t.get("utterance") or t["question"], "intent": "", "gold": t.get("query") or t["sql"]}
                for t in turns
            ],
        }


def database_of(one: Json) -> str:
    """The name of a sequence's database."""
    return str(one.get("database_id") or one.get("db_id"))


def turns_of(dialogue: Json, warehouse: Warehouse, model: BaseChatModel, settings: Settings, how: str) -> list[Json]:
    """One conversation, turn by turn."""
    answered = asker(how, warehouse, model, settings)
    told = []
    for place, turn in enumerate(dialogue["turns"]):
        began = time.perf_counter()
        try:
            answer = answered(turn["text"])
        except CopilotError as error:
            answer = Answer(status="failed", question=turn["text"], message=error.message)
        seconds = time.perf_counter() - began
        right = is_right(turn, answer, dialogue["path"], warehouse)
        told.append(
            {
                "id": dialogue["id"], "place": place, "lang": dialogue["lang"], "intent": turn["intent"], "text": turn["text"],
                "right": right, "took_for": answer.intent, "status": answer.status, "resolved": answer.resolved_question,
                "sql": answer.sql, "gold": turn.get("sql") or turn.get("gold", ""), "message": answer.message[:300], "seconds": round(seconds, 2),
            }
        )  # fmt: skip
    return told


def asker(how: str, warehouse: Warehouse, model: BaseChatModel, settings: Settings) -> Callable[[str], Answer]:
    """What answers a message, one way or another."""
    if how == "conversation":
        return Conversation(warehouse, model, settings).ask
    said: list[str] = []
    history: list[Turn] = []

    def answered(text: str) -> Answer:
        said.append(text)
        asked = " ".join(said) if how == "concat" else text
        turns = tuple(history[-2:]) if how == "turns" else ()
        answer = ask(Question(text=asked, history=turns), warehouse, model, settings)
        if answer.status == "answered":
            history.append(Turn(question=text, sql=answer.sql))
        return answer

    return answered


def is_right(turn: Json, answer: Answer, path: str, warehouse: Warehouse) -> bool:
    """Does the answer show what the turn wants?"""
    if gold := turn.get("gold"):
        try:
            rows = run_gold(Path(path), gold, timeout_seconds=30)
        except GoldError:
            return False
        return answer.status == "answered" and compare_rows(rows, answer.rows, is_ordered(gold))
    if gold := turn.get("sql"):
        rows = list(warehouse.run(gold, max_rows=100_000, timeout_seconds=30).rows)
        return answer.status == "answered" and holds(rows, list(answer.rows), near=turn["intent"] == "about_answer")
    if chart := turn.get("chart"):
        return answer.chart is not None and answer.chart.type == chart["type"]
    if mentions := turn.get("mentions"):
        said = f"{answer.message} {answer.sql}".casefold()
        return answer.intent == turn["intent"] and all(word.casefold() in said for word in mentions)
    if turn["intent"] == "vague":
        return answer.status == "clarify"
    return answer.status == "refused"


def holds(gold: list[Any], ours: list[Any], *, near: bool) -> bool:
    """Are the gold's rows among our columns?"""
    if not gold or not ours or len(gold) != len(ours) or len(ours[0]) > MAX_COLUMNS + len(gold[0]):
        return False
    if near:
        gold, ours = (
            [tuple(round(float(c), 1) if isinstance(c, float) else c for c in row) for row in rows]
            for rows in (gold, ours)
        )
    places = range(len(ours[0]))
    return any(
        compare_rows(gold, [tuple(row[i] for i in chosen) for row in ours], False)
        for chosen in permutations(places, len(gold[0]))
    )


def summary(told: list[Json]) -> Json:
    """Counts of right turns: in all, by intent, by place, by language."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for turn in told:
        for kind, name in (
            ("intent", turn["intent"] or "turn"),
            ("place", "first" if turn["place"] == 0 else "later"),
            ("lang", turn["lang"]),
        ):
            found[kind][f"{name} of"] += 1
            found[kind][name] += turn["right"]
    by = {
        kind: {name: [counts[name], counts[f"{name} of"]] for name in counts if not name.endswith(" of")}
        for kind, counts in found.items()
    }
    right = sum(turn["right"] for turn in told)
    return {"turns": len(told), "right": right, "interval95": wilson95(right, len(told)), "by": by}


if __name__ == "__main__":
    main()
