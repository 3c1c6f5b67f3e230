"""Where an answer comes from, in words made of its proof; no model says any of it."""

from sql_tools.conversation.languages import Language
from sql_tools.conversation.messages import say
from sql_tools.models import Answer, OutputColumn

MAX_COLUMNS = 8


def explained(answer: Answer, language: Language) -> str:
    """The reading of the SQL, the tables, the joins, the conditions, and each column's origin; then what warned."""
    proof = answer.proof
    if proof is None:
        return answer.message
    lines = [say("how", language, reading=proof.reading)]
    if proof.tables:
        rows = [
            (t.name, say("rows", language, n=f"{t.row_count:,}") if t.row_count is not None else "")
            for t in proof.tables
        ]
        lines.append(
            say("of_tables", language, tables=", ".join(f"{name} ({count})" if count else name for name, count in rows))
        )
    for join in proof.joins:
        keys = " and ".join(f"{pair.left} = {pair.right}" for pair in join.keys) or join.condition
        if keys:
            lines.append(say("of_join", language, keys=keys))
    if proof.filters:
        lines.append(say("of_filters", language, filters="; ".join(proof.filters)))
    lines += [_origin(column, language) for column in proof.columns[:MAX_COLUMNS]]
    lines += [check.detail for check in answer.checks if check.outcome == "warned"]
    return "\n".join(lines)


def _origin(column: OutputColumn, language: Language) -> str:
    sources = ", ".join(s.table if s.column == "*" else f"{s.table}.{s.column}" for s in column.sources) or "-"
    return say("of_column", language, name=column.name, expression=" ".join(column.expression.split()), sources=sources)
