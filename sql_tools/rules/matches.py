"""Rewrites joins that only test for a match: removed, made IN (...), NOT IN (...) or LEFT JOIN, as the question's words ask.

The top silent error of generated SQL is a join that multiplies what is listed or counted. Each rule here changes the
tree only where the keys prove the repetition, and says so in the check.
"""

import re

from sqlglot import exp

from sql_tools.models import Context, Table
from sql_tools.query.identifiers import identifier, same
from sql_tools.query.join_paths import Edge, bound_column, owns, pair_of, plain_sources, table_node
from sql_tools.retrieval.vocabulary import NOTHING_SAID, unknown_words
from sql_tools.rules import mend
from sql_tools.words import NEGATES, words_of

COUNTED = re.compile(r"\b(?:how many|number of|count)\s+(?:the\s+|different\s+|distinct\s+)?(\w+)", re.IGNORECASE)


@mend
def no_idle_joins(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A table that gives nothing, is not asked about and repeats the other's rows is left out of FROM."""
    notes = []
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        if len(tables) > 1:
            _name_by_parent_key(select, tables)
        while tables and len(tables) > 1:
            idle = next((alias for alias in tables if _is_idle(alias, select, tables, context)), None)
            if idle is None:
                break
            notes.append(
                f"{tables[idle].name} left out: nothing is taken from it, and the question does not mention it"
            )
            _remove(idle, select)
            del tables[idle]
    return tree, "; ".join(notes) or "every joined table is used or asked about"


@mend
def matches_do_not_repeat(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """A table joined only to ask whether a match exists becomes IN (...): each row is shown once, not once a match."""
    notes = []
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        if not tables or len(tables) < 2 or select.args.get("distinct") or select.args.get("group"):
            continue
        if any(e.find(exp.AggFunc) or isinstance(e, exp.Star) for e in select.expressions):
            continue
        for alias, table in list(tables.items()):
            pair = None if _asked_for_each(table, context.question) else _only_use(alias, select, tables)
            if len(tables) > 1 and pair and _is_key(pair[2:], tables) and not _is_key(pair[:2], tables):
                _remove(alias, select)
                del tables[alias]
                _require_match(select, pair, tables, context)
                notes.append(f"{table.name} only has to hold a match: each row is shown once")
    return tree, "; ".join(notes) or "no row is repeated by a table that is only matched"


@mend
def lacking_is_not_differing(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """ "Countries that do not speak English" have no row that says English; a row that says something else proves nothing.

    Joined tables of which only `<> 'value'` is asked become NOT IN (those with the value), if the question says not.
    """
    notes = []
    if not NEGATES.search(context.question):
        return tree, "the question negates nothing"
    for select in tree.find_all(exp.Select):
        tables = plain_sources(select, context)
        where = select.args.get("where")
        for differs in _differences(select) if tables and where else ():
            column = differs.this.this if isinstance(differs, exp.Not) else differs.this
            if len(tables) == 1:
                if _lacks_a_link(select, differs, column, tables, context):
                    notes.append(f"those lacking {column.name} are asked for")
                break
            kept = None if differs.find_ancestor(exp.Or) else _only_asked_about(select, tables, besides=column)
            holders = _holders(kept, differs, select, tables, context) if kept else None
            if kept and holders is not None and not _counts_others(kept, select, tables, context):
                _drop(differs, select)
                node = _source(kept, select)
                select.args["from_"].set("this", node)
                select.set("joins", None)
                select.where(exp.Not(this=holders), copy=False)
                notes.append(f"{tables[kept].name} lacking {_opposite(differs).sql(context.dialect)}")
                break
    return tree, "; ".join(notes) or "no difference stands for a lack"


@mend
def missing_keys_are_outer(tree: exp.Expr, context: Context) -> tuple[exp.Expr, str]:
    """`t.key IS NULL` after an inner join holds for no row: the join is made a LEFT JOIN, which is what it asks."""
    notes = []
    for select in tree.find_all(exp.Select):
        where = select.args.get("where")
        tables = plain_sources(select, context)
        for is_null in where.find_all(exp.Is) if where and tables else ():
            column = is_null.this
            if not isinstance(column, exp.Column) or isinstance(is_null.parent, exp.Not):
                continue
            for join in select.args.get("joins") or []:
                table = tables.get(join.this.alias_or_name)
                if table and same(column.table, join.this.alias_or_name) and _never_null(table, column, join):
                    join.set("kind", None)
                    join.set("side", "LEFT")
                    notes.append(f"rows without a match in {table.name} are asked for: LEFT JOIN")
    return tree, "; ".join(notes) or "no join hides the rows asked for"


def _never_null(table: Table, column: exp.Column, join: exp.Join) -> bool:
    """A primary key, or what the join equates; another foreign key may be NULL in a row that matches."""
    equated = [side for equal in join.find_all(exp.EQ) for side in (equal.this, equal.expression)]
    return column in equated or any(same(column.name, key) for key in table.primary_key)


def _is_idle(alias: str, select: exp.Select, tables: dict[str, Table], context: Context) -> bool:
    """Are the table's columns used only to join it to one other table, without the question speaking of it?"""
    table = tables[alias]
    if _mentioned(table, tables, select, context.question) or any(_is_bare_star(e) for e in select.expressions):
        return False
    if not _joins_nothing(alias, select, tables):
        if unknown_words(context.question, context):
            return False  # a word the schema does not know may mean it
        if _counts_rows(select) and len(tables) == 2 and _groups_entities(select, tables, besides=alias):
            return False  # its rows are what is counted for each
    return _joins_nothing(alias, select, tables) or _only_use(alias, select, tables) is not None


def _columns_of(alias: str, table: Table, select: exp.Select) -> list[exp.Column]:
    """The columns of this table used anywhere in the SELECT, subqueries included."""
    return [
        column
        for column in select.find_all(exp.Column)
        if same(column.table, alias)
        or (not column.table and (column.meta["table"] is table if "table" in column.meta else owns(table, column)))
    ]


def _joins_nothing(alias: str, select: exp.Select, tables: dict[str, Table]) -> bool:
    """Is the table's one use a join condition that compares its column with itself?"""
    used = _columns_of(alias, tables[alias], select)
    on = next((j.args.get("on") for j in select.args["joins"] if j.this.alias_or_name == alias), None)
    return isinstance(on, exp.EQ) and on.this == on.expression and all(column.parent is on for column in used)


def _counts_rows(select: exp.Select) -> bool:
    return any(not isinstance(count.this, exp.Column) for count in select.find_all(exp.Count))


def _groups_entities(select: exp.Select, tables: dict[str, Table], *, besides: str) -> bool:
    """Is there a group for each row of the other table, as its key or its name says?"""
    group = select.args.get("group")
    kept = next(table for alias, table in tables.items() if alias != besides)
    names = [column.name for column in group.find_all(exp.Column)] if group else []
    return any(name in kept.primary_key or words_of(name)[-1:] in (["name"], ["title"], ["id"]) for name in names)


def _is_bare_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star)


def _mentioned(table: Table, tables: dict[str, Table], select: exp.Select, question: str) -> bool:
    """Does the question use a word of the table's name that is not also in the other tables' names?

    Where the name has no word of its own, only a count can be about its rows.
    """
    others = {w for t in tables.values() if t is not table for w in words_of(t.name)}
    own = {word for word in words_of(table.name) if len(word) > 2} - others - NOTHING_SAID
    asked = [word for word in words_of(question) if word not in others]
    if own:
        return any(said.startswith(word) or word.startswith(said) for word in own for said in asked if len(said) > 2)
    return any(e.find(exp.AggFunc) for e in select.expressions)


def _asked_for_each(table: Table, question: str) -> bool:
    """Does the question ask for a row for each row of this table?"""
    asked = words_of(question)
    return any(
        word in ("each", "every", "per", "all") and set(asked[i + 1 : i + 3]) & set(words_of(table.name))
        for i, word in enumerate(asked)
    )


def _name_by_parent_key(select: exp.Select, tables: dict[str, Table]) -> None:
    """Where a join equates a foreign key with the key it refers to, the rest of the SELECT names the latter."""
    for join in select.args["joins"]:
        on = join.args.get("on")
        pair = pair_of(on, tables) if on else None
        if pair is None or _is_key(pair[:2], tables) == _is_key(pair[2:], tables):
            continue
        parent, child = (on.this, on.expression) if _is_key(pair[:2], tables) else (on.expression, on.this)
        for column in list(select.find_all(exp.Column)):
            if column == child and column.parent is not on and column.find_ancestor(exp.Select) is select:
                renamed = parent.copy()
                renamed.meta.update(parent.meta)
                column.replace(renamed)


def _only_use(alias: str, select: exp.Select, tables: dict[str, Table]) -> Edge | None:
    """The join condition, this table first, if its one column there is all that is used of it."""
    table = tables[alias]
    used = _columns_of(alias, table, select)
    join = used[0].find_ancestor(exp.Join) if len(used) == 1 else None
    if join is None or used[0].parent is not join.args.get("on"):
        return None
    first = select.args["from_"].this.alias_or_name == alias
    if len(select.args["joins"]) != 1 if first else join.this.alias_or_name != alias:
        return None
    pair = pair_of(join.args["on"], tables)
    return pair if pair is None or pair[0] == table.name else (pair[2], pair[3], pair[0], pair[1])


def _is_key(end: tuple[str, str], tables: dict[str, Table]) -> bool:
    table = next(t for t in tables.values() if t.name == end[0])
    return [c.lower() for c in table.primary_key] == [end[1].lower()]


def _require_match(select: exp.Select, pair: Edge, tables: dict[str, Table], context: Context) -> None:
    """Ask that a row of the removed table refers to the kept one."""
    name, column, other, other_column = pair
    alias = next(alias for alias, table in tables.items() if table.name == other)
    inner = exp.select(bound_column(name, column, context)).from_(table_node(name, context))
    kept = bound_column(other, other_column, context, alias=alias)
    select.where(exp.In(this=kept, query=exp.Subquery(this=inner)), copy=False)


def _only_asked_about(select: exp.Select, tables: dict[str, Table], *, besides: exp.Column) -> str | None:
    """The alias of the one table that is used outside the join conditions and one other condition."""
    used = {
        alias
        for alias, table in tables.items()
        for column in _columns_of(alias, table, select)
        if column is not besides and not column.find_ancestor(exp.Join)
    }
    kept = used.pop() if len(used) == 1 else None
    return None if kept is None or any(c is besides for c in _columns_of(kept, tables[kept], select)) else kept


def _counts_others(kept: str, select: exp.Select, tables: dict[str, Table], context: Context) -> bool:
    """Does the question count rows of a joined table ("how many languages are not official"), not of the kept one?"""
    counted = COUNTED.search(context.question)
    if counted is None or not any(e.find(exp.Count) for e in select.expressions):
        return False
    said = set(words_of(counted[1])) - set(words_of(tables[kept].name))
    return any(said & set(words_of(table.name)) for alias, table in tables.items() if alias != kept)


def _holders(
    kept: str, differs: exp.Expr, select: exp.Select, tables: dict[str, Table], context: Context
) -> exp.In | None:
    """`kept.key IN (SELECT foreign key FROM the other tables WHERE column = value)`, if the joins lead from that key."""
    pairs = [pair_of(join.args["on"], tables) if join.args.get("on") else None for join in select.args["joins"]]
    name = tables[kept].name
    links = [pair for pair in pairs if pair and name in (pair[0], pair[2])]
    if None in pairs or len(links) != 1:
        return None
    child, column, _, key = links[0] if links[0][2] == name else (links[0][2], links[0][3], *links[0][:2])
    if not _is_key((name, key), tables) or _is_key((child, column), tables):
        return None
    foreign = bound_column(child, column, context, alias=child)
    inner = exp.select(foreign).from_(table_node(child, context))
    reached = {child}
    for pair in (pair for pair in pairs if pair and name not in (pair[0], pair[2])):
        near, far = (pair[:2], pair[2:]) if pair[0] in reached else (pair[2:], pair[:2])
        if near[0] not in reached:
            return None
        ends = [exp.column(identifier(end[1], context.dialect), end[0]) for end in (near, far)]
        inner.append("joins", exp.Join(this=table_node(far[0], context), on=exp.EQ(this=ends[0], expression=ends[1])))
        reached.add(far[0])
    equal = _opposite(differs)
    written = equal.this.table
    asked = next(table.name for alias, table in tables.items() if same(alias, written)) if written else child
    equal.this.set("table", identifier(asked, context.dialect))
    there = exp.Not(this=exp.Is(this=foreign.copy(), expression=exp.null()))  # NOT IN a list with a NULL is never true
    inner = inner.where(equal, there)
    return exp.In(this=bound_column(name, key, context, alias=kept), query=exp.Subquery(this=inner))


def _differences(select: exp.Select) -> list[exp.Expr]:
    """This SELECT's own conditions that a column differs: `<>` and NOT IN."""
    found = [*select.args["where"].find_all(exp.NEQ, exp.Not)]
    return [
        node
        for node in found
        if node.find_ancestor(exp.Select) is select
        and isinstance(
            node.this.this if isinstance(node, exp.Not) and isinstance(node.this, exp.In) else node.this, exp.Column
        )
    ]


def _opposite(differs: exp.Expr) -> exp.Expr:
    """`c = v` of `c <> v`, `c IN (...)` of `NOT c IN (...)`; its column stays bound."""
    column = differs.this.this if isinstance(differs, exp.Not) else differs.this
    opposite = (
        differs.this.copy()
        if isinstance(differs, exp.Not)
        else exp.EQ(this=column.copy(), expression=differs.expression.copy())
    )
    opposite.this.meta.update(column.meta)
    return opposite


def _lacks_a_link(
    select: exp.Select, differs: exp.Expr, column: exp.Column, tables: dict[str, Table], context: Context
) -> bool:
    """`SELECT student FROM has_pet WHERE pet is no cat` lists who has another pet; asked for are students, so those
    without one are students that no such row names. Changes the SELECT where that is what it says."""
    table, shown = next(iter(tables.values())), [e.unalias() for e in select.expressions]
    if len(shown) != 1 or not isinstance(shown[0], exp.Column) or select.args["where"].this is not differs:
        return False
    if any(select.args.get(clause) for clause in ("group", "having", "order", "limit")) or column == shown[0]:
        return False
    key = next((k for k in table.foreign_keys if len(k.columns) == 1 and same(k.columns[0], shown[0].name)), None)
    parent = next((t for t in context.catalog if key and t.name == key.target_table), None)
    asked = words_of(context.question)
    if key is None or parent is None or parent.primary_key != key.target_columns[:1]:
        return False
    if not set(words_of(parent.name)) & set(asked):
        return False
    there = exp.Not(this=exp.Is(this=shown[0].copy(), expression=exp.null()))
    inner = exp.select(shown[0].copy()).from_(select.args["from_"].this.copy()).where(_opposite(differs), there)
    identity = bound_column(parent.name, parent.primary_key[0], context)
    select.set("from_", exp.From(this=table_node(parent.name, context)))
    select.set("expressions", [identity])
    select.set("distinct", None)
    select.set("where", exp.Where(this=exp.Not(this=exp.In(this=identity.copy(), query=exp.Subquery(this=inner)))))
    return True


def _source(alias: str, select: exp.Select) -> exp.Expr:
    nodes = [select.args["from_"].this, *(join.this for join in select.args["joins"])]
    found: exp.Expr = next(node for node in nodes if node.alias_or_name == alias)
    return found


def _drop(condition: exp.Expr, select: exp.Select) -> None:
    """Take one condition out of WHERE, and WHERE with it if nothing is left."""
    parts = [p for p in select.args["where"].this.flatten() if p is not condition]
    alone = select.args["where"].this is condition
    select.set("where", None if alone else exp.Where(this=exp.and_(*parts, copy=False)))


def _remove(alias: str, select: exp.Select) -> None:
    joins = select.args["joins"]
    if select.args["from_"].this.alias_or_name == alias:
        select.args["from_"].set("this", joins[0].this)
        select.set("joins", None)
    else:
        select.set("joins", [join for join in joins if join.this.alias_or_name != alias])
