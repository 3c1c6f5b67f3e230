"""A message about the rows shown above -> what it wants of them, and those rows computed: no SQL runs and no model is asked.

Only what the rows themselves can tell, and only where they are complete: sorted, the first few, rounded, as shares in percent, the
best of them, as a chart. A message that says anything else (a name, a year, a column that is not there) is not about them.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sql_tools.conversation.column_roles import Series, classify
from sql_tools.models import Chart, ResultColumn
from sql_tools.words import words_of

Rows = tuple[tuple[Any, ...], ...]
WORDS = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten".split())}
WORDS |= {w: n for n, w in enumerate("null eins zwei drei vier fünf sechs sieben acht neun zehn".split())}
N = r"(\d+|one|two|three|four|five|six|seven|eight|nine|ten|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn)"
KINDS = (
    ("pie", r"\bpie\b|\bdonut\b|円グラフ|\bKreisdiagramm\b|\bTortendiagramm\b|\bKuchendiagramm\b"),
    ("line", r"\bline\b|折れ線(?:グラフ)?|\bLiniendiagramm\b|\bKurve\b"),
    ("scatter", r"\bscatter(?:\s?plot)?\b|散布図|\bStreudiagramm\b"),
    ("bar", r"\bbars?\b|\bcolumn chart\b|棒グラフ|\bBalkendiagramm\b|\bSäulendiagramm\b|\bBalken\b"),
)
CHART = re.compile(
    r"\b(?:chart|plot|graph|diagram|visuali[sz]e|visuali[sz]ation|draw)\w*|グラフ|図に|可視化|\b(?:Diagramm|Grafik|Schaubild|visualisiere?)\b|"
    + "|".join(kind for _, kind in KINDS),
    re.IGNORECASE,
)
SORT = re.compile(
    r"\b(?:sort(?:ed)?|order(?:ed)?|rank(?:ed)?|arrange[d]?)\b|並べ替え|並び替え|並べて|ソート|(?:多い|少ない|高い|低い|大きい|小さい|新しい|古い)順|昇順|降順|"
    r"\b(?:sortier\w*|ordne|geordnet)\b",
    re.IGNORECASE,
)
DOWN = re.compile(
    r"\b(?:desc(?:ending)?|highest first|largest first|biggest first|most first|high(?:est)? to low(?:est)?|top down|newest first)\b|"
    r"降順|(?:多い|高い|大きい|新しい)順|\b(?:absteigend|größte zuerst|höchste zuerst)\b",
    re.IGNORECASE,
)
UP = re.compile(
    r"\b(?:asc(?:ending)?|lowest first|smallest first|least first|low(?:est)? to high(?:est)?|oldest first|alphabetical(?:ly)?)\b|"
    r"昇順|(?:少ない|低い|小さい|古い)順|\b(?:aufsteigend|alphabetisch|kleinste zuerst)\b",
    re.IGNORECASE,
)
TOP = re.compile(
    rf"\b(?:top|first|highest|largest|best)\s+{N}\b|\b(?:die\s+)?(?:ersten|obersten|besten|größten|Top)\s+{N}\b|(?:上位|トップ|最初の)\s*{N}|"
    rf"(?:上から)\s*{N}",
    re.IGNORECASE,
)
BOTTOM = re.compile(
    rf"\b(?:bottom|last|lowest|smallest|worst)\s+{N}\b|\b(?:die\s+)?(?:letzten|untersten|schlechtesten|kleinsten)\s+{N}\b|(?:下位|ワースト|最後の)\s*{N}",
    re.IGNORECASE,
)
ROUND = re.compile(
    r"\bround(?:ed)?\b|\b(?:without|no|drop the|hide the) decimals?\b|\bwhole numbers?\b|四捨五入|整数|小数(?:点)?|\b(?:rund|aufgerund|gerund)\w*|"
    r"\bohne (?:Nachkommastellen|Kommastellen|Dezimalstellen)\b|\bganze[nr]? Zahlen\b",
    re.IGNORECASE,
)
DIGITS = re.compile(
    rf"{N}\s*(?:decimals?|digits?|places|桁|位|(?:Nachkomma|Dezimal|Komma)?stellen?)|小数点?(?:以下|第)\s*(\d+)",
    re.IGNORECASE,
)
SHARE = re.compile(
    r"\bper\s?cent(?:ages?)?\b|%|\bshares?\b|\bproportions?\b|パーセント|割合|構成比|比率|\b(?:Prozent\w*|Anteile?|prozentual)\b",
    re.IGNORECASE,
)
BEST = re.compile(
    r"\bwhich(?: one| of (?:them|these|those))?\b.*\b(?:best|highest|most|largest|biggest|greatest|max\w*|top)\b|"
    r"\b(?:what|which) (?:is|was) the (?:best|highest|largest|biggest|greatest)(?: one)?\b|"
    r"(?:どれ|どの|何)?\S*(?:一番|いちばん|最も)(?:多|高|大き)\S*|(?:一番|いちばん|最も)(?:多い|高い|大きい)(?:の|もの)は|"
    r"\bwelche[rs]?\b.*\b(?:am (?:besten|meisten|höchsten|größten)|meisten|höchsten?|größten?|beste)\b",
    re.IGNORECASE,
)
WORST = re.compile(
    r"\bwhich(?: one| of (?:them|these|those))?\b.*\b(?:worst|lowest|least|smallest|fewest|min\w*)\b|"
    r"\b(?:what|which) (?:is|was) the (?:worst|lowest|smallest|least)(?: one)?\b|"
    r"(?:どれ|どの|何)?\S*(?:一番|いちばん|最も)(?:少な|低|小さ)\S*|(?:一番|いちばん|最も)(?:少ない|低い|小さい)(?:の|もの)は|"
    r"\bwelche[rs]?\b.*\b(?:am (?:wenigsten|niedrigsten|kleinsten|schlechtesten)|wenigsten|niedrigsten?|kleinsten?|schlechteste)\b",
    re.IGNORECASE,
)
ANY_OF = re.compile(r"どの\S{1,6}?が(?=一番|いちばん|最も)")  # どの駅が一番: whatever the rows are of
SCRIPTS = re.compile(r"(?<=[A-Za-z0-9_])(?=[぀-鿿])|(?<=[぀-鿿])(?=[A-Za-z0-9_])")
FILLER = frozenset(
    """a about above again all also am an and answer are as at axis back be bitte by can could d da daraus das davon dem den der des
    die diese diesem dieser do does ein eine einen einem for from gib give have hier highest i ihn im in in is ist it its just jetzt
    largest lowest mach mal me mir nach nicht nun nur now of on one only out please result results row rows same see show shown so
    table than that the them then these they this those to turn und us value values von war was we what which with would you zeig
    zeige as als bar lines desc asc ascending descending digit decimal place places stelle number numbers zahl zahlen over per pro
    von vom zum zur your auf hat hatte list listed them first last make made instead x y answers statt stattdessen pls plz thx thanks ok okay cool great nice good kindly quickly
    again too well mal doch kurz danke gerne noch einmal""".split()
)


@dataclass(frozen=True)
class Shown:
    """What a message makes of the rows above: the rows, and the chart it wants; `told` says what was done."""

    columns: tuple[ResultColumn, ...]
    rows: Rows
    chart: Chart | None = None
    told: tuple[str, ...] = ()


@dataclass
class _Table:
    columns: list[ResultColumn]
    rows: list[list[Any]]
    told: list[str] = field(default_factory=list)

    def series(self) -> list[Series]:
        return [classify(c.name, tuple(row[i] for row in self.rows)) for i, c in enumerate(self.columns)]


def about_shown(text: str, columns: Sequence[ResultColumn], rows: Rows) -> Shown | None:
    """The rows as the message wants them; None where it is not about them alone, or they cannot tell."""
    wants = [pattern for pattern in (CHART, SORT, TOP, BOTTOM, ROUND, SHARE, BEST, WORST) if pattern.search(text)]
    if not rows or not columns or not wants or _says_more(text, columns):
        return None
    table = _Table(list(columns), [list(row) for row in rows])
    steps: list[tuple[re.Pattern[str], Callable[[str, _Table], bool]]] = [
        (SHARE, _as_shares), (ROUND, _rounded), (SORT, _sorted), (TOP, _top), (BOTTOM, _bottom), (BEST, _best), (WORST, _worst),
    ]  # fmt: skip
    for pattern, step in steps:
        if pattern in wants and not (pattern is SORT and BEST in wants) and not step(text, table):
            return None
    chart = chart_of(text, table.columns, tuple(map(tuple, table.rows))) if CHART in wants else None
    if CHART in wants and chart is None:
        return None
    return Shown(tuple(table.columns), tuple(tuple(row) for row in table.rows), chart, tuple(table.told))


def chart_of(text: str, columns: Sequence[ResultColumn], rows: Rows) -> Chart | None:
    """The chart a message asks for: its kind and axes as named, else by nature; None where the columns make none."""
    series = [classify(c.name, tuple(row[i] for row in rows)) for i, c in enumerate(columns)]
    named = [series[i] for i in _named(text, columns)]
    numbers = [s for s in series if s.role == "number"]
    ordering = [s for s in numbers if _is_ordered(s.values)]
    y = next((s for s in [*named, *ordering, *numbers] if s.role == "number"), None)
    others = [s for s in series if s is not y and s.role != "number"]
    x = next((s for s in named if s is not y), others[0] if others else next((s for s in numbers if s is not y), None))
    if x is None or y is None:
        return None
    kind = next((name for name, words in KINDS if re.search(words, text, re.IGNORECASE)), None)
    natural = "line" if x.role == "time" else "scatter" if x.role == "number" else "bar"
    split = next((s for s in others if s is not x and len(set(x.values)) < len(x.values)), None)
    return Chart(type=kind or natural, x=x.name, y=y.name, series=split.name if split else "")


def _says_more(text: str, columns: Sequence[ResultColumn]) -> bool:
    """Is there a word in it that is neither about rows in general nor the name of a column shown?"""
    rest = ANY_OF.sub(" ", text)
    for pattern in (CHART, SORT, DOWN, UP, TOP, BOTTOM, DIGITS, ROUND, SHARE, BEST, WORST):
        rest = pattern.sub(" ", rest)
    known = {word for column in columns for word in words_of(column.name)}
    left = [
        w
        for w in words_of(SCRIPTS.sub(" ", rest))
        if w not in FILLER and w not in known and w not in WORDS and not _is_particle(w)
    ]
    return any(not any(w.startswith(k[:5]) for k in known if len(k) > 4) for w in left)


def _is_particle(word: str) -> bool:
    """Is it made of Japanese small words only, as in 「で表示してください」?"""
    pieces = r"(?:で|を|に|は|が|の|も|と|へ|から|だけ|のみ|表示|見せ|して|てください|ください|下さい|お願い(?:します)?|にして|した|する|します|その|この|それ|これ|結果|上|表|件|つ|位|番|示して|教えて|だった|です|ですか|か|？|、|。|み)+"
    return re.fullmatch(pieces, word) is not None


def _named(text: str, columns: Sequence[ResultColumn]) -> list[int]:
    """The columns that the text names, in the order it names them."""
    asked = words_of(SCRIPTS.sub(" ", text))
    found = []
    for i, column in enumerate(columns):
        words = [w for w in words_of(column.name) if len(w) > 1]
        places = [asked.index(w) for w in words if w in asked]
        if words and len(places) * 2 >= len(words):
            found.append((min(places), i))
        elif column.name and column.name.casefold() in text.casefold():
            found.append((text.casefold().index(column.name.casefold()), i))
    return [i for _, i in sorted(found)]


def _measure(text: str, table: _Table) -> int | None:
    """The number that is meant: the one named, else the one that orders the rows, else the first."""
    series = table.series()
    numbers = [i for i, s in enumerate(series) if s.role == "number"]
    named = [i for i in _named(text, table.columns) if i in numbers]
    ordering = [i for i in numbers if _is_ordered(series[i].values)]
    return next(iter([*named, *ordering, *numbers]), None)


def _is_ordered(values: tuple[Any, ...]) -> bool:
    return None not in values and list(values) in (sorted(values), sorted(values, reverse=True))


def _as_shares(text: str, table: _Table) -> bool:
    at = _measure(text, table)
    if at is None or len(table.rows) < 2 or any(row[at] is None or row[at] < 0 for row in table.rows):
        return False
    total = sum(float(row[at]) for row in table.rows)
    if not total:
        return False
    name = table.columns[at].name
    table.columns.append(ResultColumn(name=f"{name} %", type="DOUBLE"))
    for row in table.rows:
        row.append(round(100 * float(row[at]) / total, 1))
    table.told.append(f"{name} in percent of all {len(table.rows)} rows")
    return True


def _rounded(text: str, table: _Table) -> bool:
    found = DIGITS.search(text)
    digits = _number(found[1] or found[2]) if found else 0
    touched = False
    for i, series in enumerate(table.series()):
        if series.role != "number" or any(isinstance(v, float) and not math.isfinite(v) for v in series.values):
            continue
        for row in table.rows:
            if isinstance(row[i], (float, Decimal)):
                cut = Decimal(str(row[i])).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
                row[i], touched = (int(cut) if digits == 0 else cut), True
    table.told.append(f"rounded to {digits} decimals" if digits else "rounded to whole numbers")
    return touched


def _sorted(text: str, table: _Table) -> bool:
    named = _named(text, table.columns)
    at = named[0] if named else _measure(text, table)
    if at is None:
        return False
    numeric = all(isinstance(row[at], (int, float, Decimal)) or row[at] is None for row in table.rows)
    down = bool(DOWN.search(text)) or (numeric and not UP.search(text) and not re.search(r"昇順|少ない順", text))
    _order(table, at, down)
    table.told.append(f"sorted by {table.columns[at].name}, {'highest' if down else 'lowest'} first")
    return True


def _order(table: _Table, at: int, down: bool) -> None:
    there = [row for row in table.rows if row[at] is not None]
    try:
        there.sort(key=lambda row: row[at], reverse=down)
    except TypeError:
        there.sort(key=lambda row: str(row[at]), reverse=down)
    table.rows = there + [row for row in table.rows if row[at] is None]


def _top(text: str, table: _Table) -> bool:
    return _cut(text, table, TOP, down=True)


def _bottom(text: str, table: _Table) -> bool:
    return _cut(text, table, BOTTOM, down=False)


def _cut(text: str, table: _Table, pattern: re.Pattern[str], *, down: bool) -> bool:
    found = pattern.search(text)
    at = _measure(text, table)
    if found is None or at is None:
        return False
    count = _number(next(group for group in found.groups() if group))
    if count >= len(table.rows) or not count:
        return False  # more than are shown may be wanted
    if not SORT.search(text):
        _order(table, at, down)
    table.rows = table.rows[:count]
    table.told.append(f"the {count} rows with the {'highest' if down else 'lowest'} {table.columns[at].name}")
    return True


def _best(text: str, table: _Table) -> bool:
    return _extreme(text, table, down=True)


def _worst(text: str, table: _Table) -> bool:
    return _extreme(text, table, down=False)


def _extreme(text: str, table: _Table, *, down: bool) -> bool:
    at = _measure(text, table)
    if at is None or len(table.rows) < 2:
        return False
    _order(table, at, down)
    table.rows = [row for row in table.rows if row[at] == table.rows[0][at]]  # those that tie are all of them
    table.told.append(f"the {'highest' if down else 'lowest'} {table.columns[at].name}")
    return True


def _number(word: str) -> int:
    return int(word) if word.isdigit() else WORDS[word.lower()]
