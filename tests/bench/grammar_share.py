"""What share of a decode step does the grammar take? `python tests/bench/grammar_share.py [URL#MODEL]`, on the demo's schema.

URL is vLLM's or llama.cpp's OpenAI-compatible address; without one, the embedded default. The same short prompt (a step takes as long
after a long one) is answered with the schema's grammar and without it, by turns, after one unmeasured answer each: milliseconds from one token to the next (medians
over the rounds of each answer's mean), their ratio, and the share of a step that the grammar takes.
"""

import json
import statistics
import sys
import time
from typing import Any

from app.open_model import open_model
from sql_tools.grammar import sendable
from sql_tools.llms.grammar_field import grammar_options
from sql_tools.models import Question
from sql_tools.open_warehouse import open_warehouse
from sql_tools.retrieve import retrieve
from sql_tools.settings import read_settings

ROUNDS = 5
QUESTION = "Write one SELECT in a ```sql block: all columns of CUSTOMER by name, then N_NAME of NATION and R_NAME of REGION, joined."


def main(model_name: str | None) -> None:
    """One JSON line."""
    settings = read_settings(warehouse="demo", model=model_name)
    warehouse = open_warehouse("demo", settings)
    context = retrieve(Question(text=QUESTION), warehouse, max_columns=settings.max_prompt_columns)
    model: Any = open_model(settings)
    grammar = sendable(context.tables, context.dialect)
    assert grammar
    columns = "\n".join(
        f"{t.name}({', '.join(c.name for c in t.columns)})" for t in context.tables if t.name in QUESTION
    )
    messages = [{"role": "user", "content": f"{columns}\n\n{QUESTION}"}]
    ways: dict[str, dict[str, Any]] = {"without": {}, "with": grammar_options(model, grammar)}
    steps: dict[str, list[float]] = {way: [] for way in ways}
    texts: dict[str, str] = {}
    for turn in range(ROUNDS + 1):
        for way, options in ways.items():
            step, texts[way] = answered(model, messages, options)
            if turn:
                steps[way].append(step)
    without, with_ = (1e3 * statistics.median(steps[way]) for way in ways)
    told = {"ms a step without": round(without, 2), "with": round(with_, 2), "ratio": round(with_ / without, 3)}
    share = {"share of the grammar": round(1 - without / with_, 3), "rounds": ROUNDS, "tables": len(context.tables)}
    print(json.dumps(told | share | {"texts": texts}))


def answered(model: Any, messages: list[dict[str, str]], options: dict[str, Any]) -> tuple[float, str]:
    """Seconds from one token to the next, and the text."""
    stream = model.root_client.chat.completions.create(
        model=model.model_name, messages=messages, temperature=0.0, max_tokens=64, stream=True, **options
    )
    times, text = [], ""
    for chunk in stream:
        if chunk.choices and (words := chunk.choices[0].delta.content):
            times.append(time.perf_counter())
            text += words
    return (times[-1] - times[0]) / (len(times) - 1), text


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
