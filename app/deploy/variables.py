"""The deployment's variables: defaults in snowflake.yml, the environment on top, as Snowflake's own CLI has it.

In the SQL files they are written `<% ctx.env.NAME %>`. What could end a name or a string in SQL is refused.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from sql_tools.errors import SettingsError

PROJECT_FILE = "snowflake.yml"
VARIABLE = re.compile(r"<% ctx\.env\.(\w+) %>")
BREAKS_OUT = re.compile(r"['\";\n\r\\]|\$\$|--|/\*|<%")
FOREIGN = "Run it in a checkout of Arctic Copilot; an installed package lacks the deployment's files."


def project_root() -> Path:
    """The checkout this program runs from; SettingsError if it is installed elsewhere."""
    root = Path(__file__).parents[2]
    if not (root / PROJECT_FILE).is_file():
        raise SettingsError("The files of the deployment are not here.", FOREIGN)
    return root


def read_variables(root: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Each variable's value; SettingsError for one that must not stand in SQL."""
    given = os.environ if environment is None else environment
    defaults = yaml.safe_load((root / PROJECT_FILE).read_text(encoding="utf-8"))["env"]
    values = {name: str(given.get(name, default)) for name, default in defaults.items()}
    for name, value in values.items():
        if BREAKS_OUT.search(value) or (not value and defaults[name]):
            raise SettingsError(f"{name}={value!r:.60} cannot stand in SQL.", "Give a plain name or number.")
    return values


def fill(text: str, variables: Mapping[str, str]) -> str:
    """The SQL with every variable filled in; SettingsError for one that snowflake.yml does not know.

    >>> fill("USE ROLE <% ctx.env.ROLE %>", {"ROLE": "R"})
    'USE ROLE R'
    """
    unknown = sorted(set(VARIABLE.findall(text)) - set(variables))
    if unknown:
        raise SettingsError(f"The SQL names {', '.join(unknown)}, which {PROJECT_FILE} does not know.", "Add it there.")
    return VARIABLE.sub(lambda found: variables[found[1]], text)
