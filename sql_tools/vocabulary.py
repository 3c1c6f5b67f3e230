"""Which words of a question the schema knows."""

from collections.abc import Iterable

from sql_tools.examples import question_words
from sql_tools.models import Context
from sql_tools.words import words_of

FEW_VALUES = 100  # more are names of things rather than words people use
COMMON = frozenset(
    """only often into through gone given possible combination earliest latest unique mean both still per item rarest
    compare across during since until while share many most ever according overall respectively""".split()
)
NOTHING_SAID = frozenset(
    """a about all an and any are at be by can could data detail do does everything fact figure find for from give
    have hello help hey hi how i in info information insight is it list look make me more my need number of on
    overview please query question record report result run see show some something sql statistic stuff summary
    table tell test than thank that the them there these they thing this to total u us want we what whatever which
    with you your""".split()
)


def unknown_words(text: str, context: Context) -> list[str]:
    """The words of the question that no name, comment or value of the schema shares, in order."""
    known = {w for table in context.catalog for text in _texts(table.name, table.comment) for w in text}
    for table in context.catalog:
        for column in table.columns:
            values = column.values if len(column.values) <= FEW_VALUES else ()
            known.update(w for text in _texts(column.name, column.comment, *values) for w in text)
    known.update(word for match in context.values for word in words_of(match.text))
    stems = {word[:5] for word in known}
    run_together = " ".join(known)  # `highschooler` knows high and schooler
    asked = dict.fromkeys(word for word in words_of(text) if len(word) > 3)
    common = NOTHING_SAID | COMMON | question_words()
    asked_for = [word for word in asked if word not in common and not word.isdigit()]
    return [word for word in asked_for if word[:5] not in stems and word not in run_together]


def _texts(*texts: str) -> Iterable[list[str]]:
    return (words_of(text) for text in texts)
