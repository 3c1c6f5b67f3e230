"""A kept answer, warehouse -> what changed since: its SQL goes through the checks and runs again; hashes are compared.

The file is somebody's: its SQL is a draft like any other, and nothing in it is believed but the hashes to compare with.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from sql_tools.errors import InvalidSQLError, SettingsError
from sql_tools.execute import execute
from sql_tools.json_contract import VERSION
from sql_tools.models import Context, DraftSQL, Proof, QueryResult, Record
from sql_tools.proof.card import is_ordered
from sql_tools.proof.hashes import catalog_hash, rows_hash, text_hash
from sql_tools.query.text import parse, write
from sql_tools.retrieve import catalog_of
from sql_tools.settings import Settings
from sql_tools.validate import validate
from sql_tools.warehouses import Warehouse


class Kept(Record):
    """What a kept answer holds that a replay needs."""

    sql: str
    row_count: int
    truncated: bool
    proof: Proof


class ReplayReport(Record):
    """What became of a kept answer. `data_changed` is None where the SQL was not run; `problem` says why not.

    `same`: nothing changed. `refused`: the checks do not let the file's SQL run, and the catalog is no reason."""

    status: Literal["same", "changed", "refused"]
    message: str
    data_changed: bool | None
    sql_changed: bool
    catalog_changed: bool
    sql: str
    warehouse: str
    time: str
    row_count: int | None = None
    row_count_then: int = 0
    problem: str = ""


def kept_answer(fields: Mapping[str, Any]) -> Kept:
    """The parts of an `ask --json` object that are needed; SettingsError if it is no answer with a proof, or not of a
    version of the contract that is known here."""
    if fields.get("status") != "answered":
        told = str(fields.get("status"))[:40]
        raise SettingsError(f"There is nothing to replay: its status is {told!r}.", "Give an answered `ask --json`.")
    version = fields.get("version", 1)
    if type(version) is not int or not 1 <= version <= VERSION:
        told = f"The file's version is {str(version)[:40]!r}; versions 1 to {VERSION} are read here."
        raise SettingsError(told, "Give what `ask --json` printed, or update Arctic Copilot.")
    try:
        kept = Kept(**{name: fields[name] for name in Kept.model_fields})
    except (ValidationError, KeyError, TypeError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else str(error)
        raise SettingsError(
            f"The file's answer cannot be replayed: {where} is missing or malformed.",
            "Give the whole object that `ask --json` printed, with its proof.",
        ) from error
    rows, dialect = fields.get("rows"), str(fields.get("dialect"))
    if dialect != kept.proof.dialect:
        told = f"The file's SQL is for {dialect[:40]}, and its proof is of {kept.proof.dialect[:40]}."
    elif not isinstance(rows, list) or len(rows) != kept.row_count:
        told = f"The file tells of {kept.row_count} rows, and holds {len(rows) if isinstance(rows, list) else 'none'}."
    else:
        return kept
    raise SettingsError(told, "Give the object as `ask --json` printed it.")


def replay(kept: Kept, warehouse: Warehouse, settings: Settings) -> ReplayReport:
    """Check and run it again. Raises WarehouseError if the engine fails or time runs out, SettingsError if it is an
    engine of another kind."""
    proof = kept.proof
    if proof.dialect != warehouse.dialect:
        raise SettingsError(
            f"The answer's SQL is for {proof.dialect[:40]}, and {warehouse.name} speaks {warehouse.dialect}.",
            "Give --warehouse the one that was asked.",
        )
    tables = catalog_of(warehouse).tables
    context = Context(dialect=warehouse.dialect, tables=tables, catalog=tables, limits=settings.read_limits)
    catalog_changed = catalog_hash(tables) != proof.catalog_hash
    sql_changed = text_hash(kept.sql) != proof.sql_hash
    about: dict[str, Any] = {"sql_changed": sql_changed, "catalog_changed": catalog_changed, "sql": kept.sql,
                             "warehouse": warehouse.name, "time": proof.time, "row_count_then": kept.row_count}  # fmt: skip
    draft = DraftSQL(text=kept.sql, dialect=warehouse.dialect)
    try:
        valid = validate(draft, context, explain=warehouse.explain)
    except InvalidSQLError as error:
        gone = catalog_changed and not error.fatal
        words = "The catalog changed, and the SQL no longer runs" if gone else "The checks refuse the file's SQL"
        told = f"{words}: {error.message}"
        return ReplayReport(
            status="changed" if gone else "refused", message=told, data_changed=None, problem=error.message, **about
        )
    about["sql_changed"] = sql_changed or valid.text != write(parse(kept.sql, valid.dialect), valid.dialect)
    about["sql"] = valid.text
    if kept.row_count > settings.max_rows:  # a file does not raise what may be fetched here
        raise SettingsError(
            f"The answer has {kept.row_count:,} rows, and {settings.max_rows:,} may be fetched here.",
            f"Set ARCTIC_COPILOT_MAX_ROWS={kept.row_count} to run it again.",
        )
    result = execute(valid, warehouse, _same_cap(kept, settings))
    data_changed = rows_hash(result.rows, ordered=is_ordered(parse(valid.text, valid.dialect))) != proof.rows_hash
    changed = data_changed or about["sql_changed"] or catalog_changed
    return ReplayReport(
        status="changed" if changed else "same",
        message=_message(kept, result, data_changed, about["sql_changed"], catalog_changed),
        data_changed=data_changed,
        row_count=len(result.rows),
        **about,
    )


def _same_cap(kept: Kept, settings: Settings) -> Settings:
    """As many rows as were kept, where they were cut; else as many as the settings allow."""
    return settings.model_copy(update={"max_rows": max(kept.row_count, 1)}) if kept.truncated else settings


def _message(kept: Kept, result: QueryResult, data: bool, sql: bool, catalog: bool) -> str:
    if not (data or sql or catalog):
        return f"Same: the data, the SQL and the catalog are as they were at {kept.proof.time}."
    names = [name for name, changed in (("the SQL", sql), ("the catalog", catalog), ("the data", data)) if changed]
    told = f"Changed since {kept.proof.time}: {' and '.join(names)}."
    if sql and data:
        told += " Other SQL gives other rows, so the data itself may be as it was."
    elif data and kept.truncated and not is_ordered(parse(kept.sql, kept.proof.dialect)):
        told += " The rows were cut in no order, so other rows may have come from the same data."
    elif data:
        told += f" {_rows(kept.row_count)} then, {_rows(len(result.rows))} now."
        if kept.row_count == len(result.rows) and is_ordered(parse(kept.sql, kept.proof.dialect)):
            told += " Where rows tie in ORDER BY, others, or another order, may have come from the same data."
    else:
        told += " The rows are the same."
    return told


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
