"""What dbt says -> the semantic model: descriptions, and tests as what they promise.

`unique` with `not_null` makes a key, `relationships` a relationship, `accepted_values` an enumeration. What a test
promises is not proven here: `semantic check` asks the data.
"""

from collections.abc import Iterable
from typing import Any

from sql_tools.query.identifiers import same
from sql_tools.semantic.model import Dimension, Fact, Key, KeyColumns, LogicalTable, Relationship, SemanticModel
from sql_tools.semantic_authoring.dbt_files import DbtModel, DbtTest, target
from sql_tools.semantic_authoring.draft import MAX_SAMPLES

COMBINATION = "unique_combination_of_columns"


def import_dbt(model: SemanticModel, found: Iterable[DbtModel], *, keep: bool) -> tuple[SemanticModel, tuple[str, ...]]:
    """The model with what dbt says, and the names of dbt's models that no table of it bears. `keep`: descriptions that
    are there already stay."""
    by_name = {one.name.casefold(): one for one in found}
    pairs = [(table, by_name.get(_stored(table))) for table in model.tables]
    tables = tuple(_table(table, one, keep=keep) if one else table for table, one in pairs)
    told = model.model_copy(update={"tables": tables})
    for table, one in pairs:
        for test in one.tests if one else ():
            told = _with_relationship(told, table, test)
    known = {_stored(table) for table in model.tables}
    return told, tuple(sorted(name for name in by_name if name not in known))


def _stored(table: LogicalTable) -> str:
    return table.base_table.table.strip('"').casefold()


def _table(table: LogicalTable, one: DbtModel, *, keep: bool) -> LogicalTable:
    columns = {name.casefold(): text for name, text in one.columns.items()}
    enums = {t.column.casefold(): values for t in one.tests if t.name == "accepted_values" and (values := _values(t))}

    promised = {t.column.casefold() for t in one.tests if t.name in ("unique", "relationships", "accepted_values")}
    keyed = tuple(_dimension(fact) for fact in table.facts if _column(fact) in promised)

    def told(part: Dimension | Fact) -> dict[str, Any]:
        return {"description": _kept(part.description, columns.get(_column(part), ""), keep)}

    def dimension(part: Dimension) -> Dimension:
        values = enums.get(_column(part), ())
        more = {"is_enum": True, "sample_values": values} if values else {}
        return part.model_copy(update={**told(part), **more})

    return table.model_copy(
        update={
            "description": _kept(table.description, one.description, keep),
            "dimensions": tuple(map(dimension, (*table.dimensions, *keyed))),
            "time_dimensions": tuple(part.model_copy(update=told(part)) for part in table.time_dimensions),
            "facts": tuple(f.model_copy(update=told(f)) for f in table.facts if _column(f) not in promised),
            **_keys(table, one),
        }
    )


def _dimension(fact: Fact) -> Dimension:
    """What was taken for an amount, but is a key or one of a few values."""
    return Dimension(**{name: value for name, value in fact if name in Dimension.model_fields})


def _column(part: Dimension | Fact) -> str:
    return part.expr.strip('"').casefold()


def _kept(there: str, new: str, keep: bool) -> str:
    return there if there and keep else new or there


def _keys(table: LogicalTable, one: DbtModel) -> dict[str, Any]:
    """The first column that is unique and never NULL is the primary key, where the file has none; others are unique."""
    never_null = {test.column.casefold() for test in one.tests if test.name == "not_null"}
    unique: list[tuple[str, ...]] = [
        (t.column,) for t in one.tests if t.name == "unique" and t.column.casefold() in never_null
    ]
    unique += [tuple(map(str, t.arguments["combination_of_columns"])) for t in one.tests if _is_combination(t)]
    there = [key.columns for key in (table.primary_key, *table.unique_keys) if key]
    new = [columns for columns in unique if not any(_alike(columns, key) for key in there)]
    first = Key(columns=new.pop(0)) if new and table.primary_key is None else table.primary_key
    return {"primary_key": first, "unique_keys": (*table.unique_keys, *(Key(columns=columns) for columns in new))}


def _is_combination(test: DbtTest) -> bool:
    columns = test.arguments.get("combination_of_columns")
    return test.name.endswith(COMBINATION) and isinstance(columns, list) and bool(columns)


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return {c.casefold().strip('"') for c in one} == {c.casefold().strip('"') for c in other}


def _values(test: DbtTest) -> tuple[str, ...]:
    values = test.arguments.get("values")
    texts = tuple(str(value) for value in values) if isinstance(values, list) else ()
    return texts if len(texts) <= MAX_SAMPLES else ()


def _with_relationship(model: SemanticModel, table: LogicalTable, test: DbtTest) -> SemanticModel:
    """With the relationship that a test on this table promises, if both ends are in the file and it is not there yet."""
    wanted, column = target(test), str(test.arguments.get("field", ""))
    right = next((other for other in model.tables if _stored(other) == wanted), None)
    if test.name != "relationships" or right is None or not column or not test.column:
        return model
    pair = KeyColumns(left_column=test.column, right_column=column)
    for known in model.relationships:
        if (
            known.left_table == table.name
            and known.right_table == right.name
            and any(same(p.left_column.strip('"'), test.column) for p in known.relationship_columns)
        ):
            return model
    names = {known.name for known in model.relationships}
    name = f"{table.name}_to_{right.name}"
    name = name if name not in names else f"{name}_by_{test.column}"
    new = Relationship(name=name, left_table=table.name, right_table=right.name, relationship_columns=(pair,))
    return model.model_copy(update={"relationships": (*model.relationships, new)})
