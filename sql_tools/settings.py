"""Settings, read from the environment once, at the edge."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sql_tools.errors import SettingsError
from sql_tools.models import ReadLimits

LOOPBACK = ("localhost", "127.0.0.1", "::1")
IN_ACCOUNT = ("cortex:", "function:")  # models that run inside a Snowflake account


class Settings(BaseSettings):
    """Every knob; each is also an environment variable, e.g. `ARCTIC_COPILOT_MAX_ROWS=50`."""

    model_config = SettingsConfigDict(env_prefix="ARCTIC_COPILOT_", frozen=True, extra="forbid")

    warehouse: str = Field(
        "demo", description="demo, a .duckdb or .sqlite file, a folder of CSV/Parquet, or snowflake[:CONNECTION]"
    )
    semantic: str = Field(
        "", description="semantic YAML file, a folder of them named like the warehouses, or a semantic view's name"
    )
    model: str = Field(
        "local",
        description="local, local-small, a GGUF path, an OpenAI-compatible URL#model, cortex:NAME or function:NAME",
    )
    api_key: SecretStr = Field(SecretStr(""), description="key for an OpenAI-compatible URL")
    cache_dir: Path = Field(Path("~/.cache/arctic-copilot"), description="where weights and loaded data are kept")
    max_rows: int = Field(1000, ge=1, le=1_000_000, description="rows returned at most")
    timeout_seconds: float = Field(30.0, gt=0, le=3600, description="how long one query may run")
    max_result_mb: int = Field(100, ge=1, le=10_000, description="size of a result at most, in megabytes")
    max_load_gb: float = Field(20.0, gt=0, description="size of the files of one folder at most, unpacked, in GB")
    max_join_rows: int = Field(100_000_000, ge=1, description="rows that tables joined by nothing may multiply to")
    allow_functions: str = Field("", description="functions to allow beyond the list, e.g. ai_complete, db.schema.fn")
    allow_system_tables: bool = Field(False, description="may the engine's own views be read (INFORMATION_SCHEMA)?")
    memory_limit: str = Field("2GB", description="memory the local engine may use")
    candidates: int = Field(1, ge=1, le=16, description="drafts asked of the model; the most agreed-on result wins")
    max_repairs: int = Field(2, ge=0, le=5, description="how often a failed draft goes back to the model")
    abstain_above: float = Field(0.24, ge=0, le=1, description="the model's doubt above which a question is declined")
    grammar: Literal["never", "repair", "always"] = Field("never", description="when the schema's grammar binds drafts")
    max_question_chars: int = Field(4000, ge=1, description="longest question taken")
    max_prompt_columns: int = Field(150, ge=1, description="schemas up to this many columns pass whole")
    snowflake_schemas: str = Field("", description="what to read there: DATABASE.SCHEMA or DATABASE, by commas")
    max_scan_gb: float = Field(50.0, gt=0, description="what one Snowflake query may scan without consent, in GB")
    role_scan_gb: str = Field("", description="the same for some roles, e.g. ANALYST=200, INTERN=1")
    max_scan_partitions: int = Field(0, ge=0, description="micro-partitions one query may scan; 0 for any number")
    allow_scan_gb: float = Field(0.0, ge=0, description="consent to queries that scan up to this many GB")
    keep_catalog: bool = Field(True, description="keep what was read of a Snowflake account in the cache folder?")
    catalog_max_age_hours: float = Field(24.0, ge=0, description="how long a kept catalog is used unasked")
    sample_seconds: float = Field(60.0, ge=0, description="how long to read sample values when indexing; 0 for none")
    share_values: bool = Field(False, description="may sample values go to a model that is not on this machine?")

    @property
    def cache(self) -> Path:
        """The cache folder with `~` expanded; not created here."""
        return self.cache_dir.expanduser()

    @property
    def read_limits(self) -> ReadLimits:
        """What the checks allow beyond the list of reads."""
        names = (name.strip().lower() for name in self.allow_functions.split(","))
        return ReadLimits(
            allowed_functions=tuple(filter(None, names)),
            system_tables=self.allow_system_tables,
            max_join_rows=self.max_join_rows,
        )

    @property
    def may_share_values(self) -> bool:
        """May the model see stored values? Always if it is on this machine, else only if the setting says so."""
        if self.model.startswith(IN_ACCOUNT):
            return self.share_values
        host = urlparse(self.model).hostname if "://" in self.model else "localhost"
        return self.share_values or host in LOOPBACK

    def scan_gb_of(self, role: str) -> float:
        """What one query of this role may scan, in GB (10^9 bytes); SettingsError if the list of roles is malformed."""
        budgets = dict(_role_budget(part) for part in self.role_scan_gb.split(",") if part.strip())
        return max(budgets.get(role.upper(), self.max_scan_gb), self.allow_scan_gb)


def _role_budget(text: str) -> tuple[str, float]:
    role, _, number = text.partition("=")
    try:
        return role.strip().upper(), float(number)
    except ValueError as error:
        raise SettingsError(
            f"Bad settings: role_scan_gb: {text.strip()!r} is no budget.", "Write it like ANALYST=200, INTERN=1."
        ) from error


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment, with what the command line gave on top; SettingsError names each bad value."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"Bad settings: {problems}.", "Fix the option or the ARCTIC_COPILOT_ variable of that name."
        ) from error


def private_folder(root: Path, *parts: str) -> Path:
    """`root` / `parts`, made where it is missing, which only its owner may enter.

    SettingsError where it, or a folder on the way from `root`, is another user's or reached by another user's link, or where a
    folder below `root` is a link: what it leads to was not made for this. OSError where it cannot be made.
    """
    folder = root
    for part in ("", *parts):
        folder = folder / part
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and {folder.lstat().st_uid, folder.stat().st_uid} != {os.getuid()}:
            raise SettingsError(
                f"{folder} is another user's, so what is kept there cannot be trusted.",
                "Set ARCTIC_COPILOT_CACHE_DIR to a folder of your own.",
            )
        if folder != root and folder.is_symlink():
            raise SettingsError(
                f"{folder} is a link, and what is kept there must lie in the folder itself.",
                "Remove the link; set ARCTIC_COPILOT_CACHE_DIR to keep everything elsewhere.",
            )
    if parts and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder
