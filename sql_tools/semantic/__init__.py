"""The semantic file: what tables and columns mean, which numbers have a definition, which queries a person vouches for.

Snowflake's semantic YAML, read as it is (`read`), bound to what the asker may read (`resolve`), and laid over a warehouse
(`apply`), on any engine. `draft` and `dbt` write one; `check` says what is wrong with one. Only `apply` is met by `ask`.
"""

from sql_tools.models import Semantics


def semantics_of(warehouse: object) -> Semantics | None:
    """What the semantic file laid over a warehouse says of its tables; None where there is none."""
    found = getattr(warehouse, "semantics", None)
    return found if isinstance(found, Semantics) else None


def unusable(warehouse: object) -> str:
    """One sentence where parts of the file cannot be used on this warehouse; empty where all can, or there is none."""
    said = semantics_of(warehouse)
    lost = [note for note in getattr(warehouse, "notes", ()) if said and note.startswith(f"{said.source}: ")]
    if said is None or not lost:
        return ""
    more = f" And {len(lost) - 1} more: `arctic-copilot semantic check` lists all." if len(lost) > 1 else ""
    return f"Left out of {lost[0]}{more}"
