"""Which words of a question the schema knows."""

from collections.abc import Iterable

from sql_tools.models import Context
from sql_tools.words import words_of

FEW_VALUES = 100  # more are names of things rather than words people use
# words that questions use whatever they are about: those of many of Spider's training questions (CC BY-SA 4.0, Yu et al.
# 2018) once the words of their schemas are taken out
COMMON = frozenset(
    """a about above according acct across advise after all along alphabetical alphabetically also among amount an and
    any are as ascending associated at attended available average been before belong below between bigger both but
    by called can combination common compare compute contain containing correspond corresponding count created day
    descending did different directed display distinct do doe don during each earliest either enrolled enrollment
    ever every expensive fewest find first for frequently from full give given gone got greater greatest had has
    have having held higher highest history how ids in information into involved is it item its kind larger largest
    last latest least less letter list listed live living located longest lower lowest made many maximum me mean
    member minimum more most named never new no nominated not number of offer offered often old older oldest on once
    one only opened opening or order ordered over overall participated people per percentage played playing please
    popular possible produced provided published rarest rated received recent recently registered released report
    respectively result return score share shared shortest show since size smaller smallest some sort sorted start
    started still substring taken taught teach tell than that the their them there they those three through time to
    top total two type under unique until use used using value visited was we well were what when where which while
    who whose with without won word work working year younger youngest""".split()
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
    known = {w for table in context.catalog for text in _texts(table.name, table.comment, *table.terms) for w in text}
    for table in context.catalog:
        for column in table.columns:
            values = column.values if len(column.values) <= FEW_VALUES else ()
            known.update(w for text in _texts(column.name, column.comment, *values) for w in text)
    known.update(word for match in context.values for word in words_of(match.text))
    stems = {word[:5] for word in known}
    run_together = " ".join(known)  # `highschooler` knows high and schooler
    asked = dict.fromkeys(word for word in words_of(text) if len(word) > 3)
    common = NOTHING_SAID | COMMON
    asked_for = [word for word in asked if word not in common and not word.isdigit()]
    return [word for word in asked_for if word[:5] not in stems and word not in run_together]


def _texts(*texts: str) -> Iterable[list[str]]:
    return (words_of(text) for text in texts)
