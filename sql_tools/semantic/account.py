"""A semantic view of the account -> its model, read as the asker: who may not see the view gets Snowflake's own refusal."""

import re

from sql_tools.errors import SemanticFileError, StaleCatalogError, WarehouseError
from sql_tools.semantic.model import SemanticModel
from sql_tools.semantic.read import read_text
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse

PART = r'(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+")'
VIEW = re.compile(rf"{PART}(?:\.{PART}){{0,2}}\Z")


def read_view(warehouse: Warehouse, settings: Settings) -> SemanticModel:
    """The model of the semantic view that `settings.semantic` names.

    Raises SemanticFileError if that is no view's name or its YAML cannot be read, WarehouseError if Snowflake refuses.
    Source: SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW.
    """
    name = settings.semantic.strip()
    if not VIEW.match(name):
        raise SemanticFileError(
            f"{name!r:.80} is neither a file here nor the name of a semantic view.",
            "Give a .yaml file, or a view such as SALES.PUBLIC.SHOP.",
        )
    quoted = name.replace("'", "''")
    sql = f"SELECT SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW('{quoted}')"
    try:
        result = warehouse.run(sql, max_rows=1, timeout_seconds=settings.timeout_seconds)
    except (WarehouseError, StaleCatalogError) as error:
        role = warehouse.role or "your role"
        raise WarehouseError(
            f"The semantic view {name} cannot be read: {error.message}",
            f"Check the name (SHOW SEMANTIC VIEWS), and ask for SELECT or REFERENCES on it for {role}.",
        ) from error
    text = str(result.rows[0][0] or "") if result.rows else ""
    if not text.strip():
        raise SemanticFileError(f"Snowflake returned nothing for the semantic view {name}.", "Check its name.")
    return read_text(text, source=name)
