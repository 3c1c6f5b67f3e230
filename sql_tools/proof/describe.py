"""A query -> plain sentences, made from its tree by rules: no model is asked, so they say what the SQL says.

Every clause has its words; one that has none is quoted as SQL, and said to be SQL. Nothing is left out: the arguments
of each node that were not put in words are looked for, and quoted.
"""

from sqlglot import exp

from sql_tools.models import Context
from sql_tools.proof.wording import Voice, at_position, listed, named, ordering, quoted, say, tight
from sql_tools.query.join_keys import equated, followed_key, sources_of, stored_tables

SPOKEN = frozenset({"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify", "order",
                    "limit", "offset"})  # fmt: skip
SET_WORDS = {"Union": "together with", "Except": "leaving out", "Intersect": "keeping only what is also among"}
KINDS = frozenset({"", "INNER", "OUTER", "CROSS", "SEMI", "ANTI"})
SIDES = {
    "LEFT": "rows without a match there are kept",
    "RIGHT": "its rows without a match are kept",
    "FULL": "rows without a match on either side are kept",
}


def reading(tree: exp.Expr, context: Context) -> str:
    """What the query does, in plain sentences."""
    reader = _Reader(context)
    root = _bare(tree)
    made = enumerate(reader.ctes(root, None))
    steps = [f"{'Then' if number else 'First'}, {name} is made: {words}." for number, (name, words) in made]
    return " ".join([*steps, f"{_capital(reader.query(root, None, verb=True))}."])


def filters(tree: exp.Expr, context: Context) -> tuple[str, ...]:
    """Each condition of the query that leaves rows or groups out, in words, outermost query first."""
    reader = _Reader(context)
    found: list[str] = []
    for select in tree.find_all(exp.Select):
        voice = reader.voice_for(select)
        for clause in ("where", "having", "qualify"):
            if (node := select.args.get(clause)) is not None:
                condition = node.this.unnest()
                parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
                found += [say(part.unnest(), voice) for part in parts]
    return tuple(dict.fromkeys(found))


class _Reader:
    """Turns queries into words; knows the schema, to tell when tables are joined on a key."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def query(self, node: exp.Expr, outer: Voice | None, *, verb: bool = False) -> str:
        """The query as `shows ...` for a sentence of its own, or as what it gives."""
        bare = _bare(node)
        if isinstance(bare, exp.SetOperation):
            return self._set_operation(bare, outer, verb=verb)
        if isinstance(bare, exp.Select):
            return self._select(bare, outer, verb=verb)
        return quoted(bare, outer or self._voice(exp.Select(), None))

    def ctes(self, query: exp.Expr, outer: Voice | None) -> list[tuple[str, str]]:
        """Name and words of each CTE."""
        with_ = query.args.get("with_")
        if with_ is None:
            return []
        if with_.args.get("recursive"):
            return [("a result of its own", quoted(with_, self._voice(exp.Select(), None)))]
        return [(_cte_name(cte), self.query(cte.this, outer, verb=True)) for cte in with_.expressions]

    def voice_for(self, select: exp.Select) -> Voice:
        """How names sound in this query, wherever it stands."""
        around = select.find_ancestor(exp.Select)
        return self._voice(select, self.voice_for(around) if isinstance(around, exp.Select) else None)

    def subquery(self, node: exp.Expr, voice: Voice) -> str:
        """A query inside an expression."""
        bare = _bare(node)
        before = "".join(f"with {name} made so: {words}; " for name, words in self.ctes(bare, voice))
        return f"({before}{self.query(bare, voice)})"

    def _voice(self, select: exp.Select, outer: Voice | None) -> Voice:
        nodes = sources_of(select)
        paths = [_path(node) for node in nodes]
        taken = set(outer.sources.values()) if outer else set()
        sources = {}
        for node, path in zip(nodes, paths, strict=True):
            only = path and paths.count(path) == 1 and path not in taken
            sources[node.alias_or_name.casefold()] = path if only else named(node.alias_or_name)
        return Voice(self.context.dialect, sources, len(nodes) == 1, outer, self.subquery)

    def _set_operation(self, node: exp.SetOperation, outer: Voice | None, *, verb: bool) -> str:
        voice = self._voice(exp.Select(), outer)
        if _unspoken(node, frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"})):
            return quoted(node, voice)
        word = SET_WORDS.get(type(node).__name__, "")
        once = ", each row once" if node.args.get("distinct") else ", repeats kept"
        right = self.subquery(node.expression, voice)
        left = self.query(node.this, outer, verb=verb)
        return f"{left}, {word} {right}{once}{self._order(node, voice)}"

    def _select(self, select: exp.Select, outer: Voice | None, *, verb: bool) -> str:
        voice = self._voice(select, outer)
        group = select.args.get("group")
        each = f"for each {self._groups(group, select, voice)}, " if group is not None else ""
        words = f"{each}{self._what(select, voice, verb=verb)}{self._from(select, voice)}"
        for clause, intro in (("where", "where"), ("having", "only groups where"), ("qualify", "then only rows where")):
            if (node := select.args.get(clause)) is not None:
                words += f", {intro} {say(node.this.unnest(), voice)}"
        words += self._order(select, voice)
        rest = [quoted(part, voice) for part in _unspoken(select, SPOKEN)]
        return words + "".join(f", and {part}" for part in rest)

    def _what(self, select: exp.Select, voice: Voice, *, verb: bool) -> str:
        one = len(select.expressions) == 1
        parts = [say(part, voice) if one else tight(part, voice) for part in select.expressions]
        distinct = select.args.get("distinct")
        if distinct is not None:
            on = distinct.args.get("on")
            many = "the different combinations of " if len(parts) > 1 else "the different "
            only = f", the first row of each {listed(tight(e, voice) for e in on.expressions)} only" if on else ""
            return f"{'shows ' if verb else ''}{'' if on else many}{listed(parts)}{only}"
        if verb and len(parts) == 1 and parts[0].startswith("the number of ") and not select.args.get("group"):
            return f"counts {parts[0].removeprefix('the number of ')}"
        return f"{'shows ' if verb else ''}{listed(parts)}"

    def _from(self, select: exp.Select, voice: Voice) -> str:
        nodes = sources_of(select)
        if not nodes:
            return ""
        counts_rows = (
            len(select.expressions) == 1 and say(select.expressions[0].unalias(), voice) == "the number of rows"
        )
        words = f" {'of' if counts_rows else 'from'} {self._source(nodes[0], voice)}"
        return words + "".join(self._join(join, select, voice) for join in select.args.get("joins") or [])

    def _source(self, node: exp.Expr, voice: Voice) -> str:
        shown = voice.source(node.alias_or_name)
        alias = node.args.get("alias")
        renamed = isinstance(alias, exp.TableAlias) and alias.args.get("columns")
        if (
            isinstance(node, exp.Table)
            and not renamed
            and not _unspoken(node, frozenset({"this", "db", "catalog", "alias"}))
        ):
            path = _path(node)
            return f"{path} as {shown}" if path != shown else path or quoted(node, voice)
        if (
            isinstance(node, exp.Subquery)
            and not renamed
            and not _unspoken(node, frozenset({"this", "alias", "with_"}))
        ):
            return self.subquery(node, voice) + (f" called {named(node.alias)}" if node.alias else "")
        return quoted(node, voice)

    def _join(self, join: exp.Join, select: exp.Select, voice: Voice) -> str:
        kind, side = join.kind.upper(), join.side.upper()
        if kind not in KINDS or _unspoken(join, frozenset({"this", "on", "using", "side", "kind"})):
            return f", joined so: {quoted(join, voice)}"
        source = self._source(join.this, voice)
        on, using = join.args.get("on"), join.args.get("using")
        if on is None and not using:
            return f" paired with every row of {source}" if not side else f", joined so: {quoted(join, voice)}"
        how = (
            self._on(on, select, voice)
            if on is not None
            else f"on the same {listed(say(c, voice) for c in using or [])}"
        )
        if kind in ("SEMI", "ANTI"):
            return f", keeping rows with {'a' if kind == 'SEMI' else 'no'} match in {source} {how}"
        kept = f" ({SIDES[side]})" if side in SIDES else ""
        return f" joined with {source} {how}{kept}"

    def _on(self, on: exp.Expr, select: exp.Select, voice: Voice) -> str:
        pairs = equated(on)
        if pairs is None:
            return f"where {say(on.unnest(), voice)}"
        words = listed(f"{say(a, voice)} = {say(b, voice)}" for a, b in pairs)
        key = followed_key(pairs, stored_tables(select, self.context))
        return f"on their key ({words})" if key else f"on {words}"

    def _groups(self, group: exp.Expr, select: exp.Select, voice: Voice) -> str:
        if group.args.get("all") and not _unspoken(group, frozenset({"all"})):
            return "combination of the columns that sum nothing up"
        if _unspoken(group, frozenset({"expressions"})):
            return quoted(group, voice).replace("GROUP BY", "group by", 1).strip()
        return listed(at_position(part, select, voice) for part in group.expressions)

    def _order(self, query: exp.Expr, voice: Voice) -> str:
        order, limit, offset = (query.args.get(key) for key in ("order", "limit", "offset"))
        skip = f", after the first {tight(offset.expression, voice)}" if offset is not None else ""
        if isinstance(limit, exp.Limit) and not _unspoken(limit, frozenset({"expression"})):
            count = tight(limit.expression, voice)
            if order is None:
                return f", only {count} rows{skip}, whichever come first"
            return f", only the {count}{f'{skip},' if skip else ''} with {ordering(order.expressions, voice, top=True, query=query)}"
        words = f", in order of {ordering(order.expressions, voice, query=query)}" if order is not None else ""
        words += f", {quoted(limit, voice)}" if limit is not None else ""
        return words + (f", the rows after the first {tight(offset.expression, voice)}" if offset is not None else "")


def _bare(node: exp.Expr) -> exp.Expr:
    """The query inside brackets that say nothing else."""
    while isinstance(node, (exp.Subquery, exp.Paren)) and not _unspoken(node, frozenset({"this", "alias"})):
        node = node.this
    return node


def _unspoken(node: exp.Expr, spoken: frozenset[str]) -> list[exp.Expr]:
    """The arguments there are no words for."""
    found: list[exp.Expr] = []
    for key, value in node.args.items():
        if key not in spoken and value not in (None, False, [], ""):
            values = value if isinstance(value, list) else [value]
            found += [v if isinstance(v, exp.Expr) else exp.Var(this=f"{key} {v}") for v in values]
    return found


def _path(node: exp.Expr) -> str:
    """A table's dotted name as written; empty for what is no table."""
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
        return ""
    return ".".join(named(part.name) for part in node.parts)


def _cte_name(cte: exp.Expr) -> str:
    columns = cte.args["alias"].args.get("columns") or []
    return named(cte.alias) + (f" with the columns {listed(named(c.name) for c in columns)}" if columns else "")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
