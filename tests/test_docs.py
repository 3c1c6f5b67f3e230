"""What the documentation says to type and to open is there: commands, their options, scripts, files, links."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from app import cli
from sql_tools.diagnostics import diagnose, fan_out

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "tests/fake_snowflake/README.md", *sorted((ROOT / "docs").glob("*.md"))]
TYPED = re.compile(r"^ {4}(?:\$ )?([^#\n]+)", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")
TOPS = ("app", "sql_tools", "model_service", "snowflake", "tests", "docs", "scripts")
names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _said(page: Path, start: str) -> list[str]:
    """Commands that begin so: lines of code, and words in backticks."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [part.strip() for pattern in (TYPED, QUOTED) for part in pattern.findall(text)]
    return [part for part in found if re.match(rf"(?:[\w./-]+/)?{start}", part)]


def _words(command: str) -> list[str]:
    """A command's words, without what a shell does with its output, and without [optional] brackets and dots."""
    plain = command.split(" > ")[0].split(" | ")[0].replace("...", "").replace("[", "").replace("]", "")
    return shlex.split(plain)[1:]


@names
def test_every_command_is_one_that_we_have_with_its_options(page: Path) -> None:
    for command in _said(page, "arctic-copilot "):
        words, leaf = _words(command), typer.main.get_command(cli.app)
        while words and hasattr(leaf, "commands"):
            assert words[0] in leaf.commands, command
            leaf = leaf.commands[words.pop(0)]
        known = {name for option in leaf.params for name in option.opts} | {"--help", "-h"}
        assert {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= known, command


@names
def test_every_script_and_module_that_is_run_is_there(page: Path) -> None:
    for command in _said(page, "python "):
        first, *rest = _words(command)
        if first == "-m":
            assert rest[0] == "pytest" or (ROOT / rest[0] / "__main__.py").is_file(), command
        paths = [word for word in (first, *rest) if word.split("/")[0] in TOPS and "/" in word]
        assert [path for path in paths if not (ROOT / path).exists()] == [], command


@names
def test_every_make_target_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for command in _said(page, "make ") for word in _words(command)} <= targets


@names
def test_every_file_that_is_named_in_full_is_there(page: Path) -> None:
    named = {part.split("::")[0].split(" ")[0] for part in QUOTED.findall(page.read_text(encoding="utf-8"))}
    paths = {part for part in named if part.split("/")[0] in TOPS and "/" in part}
    assert {path for path in paths if not list(ROOT.glob(path.rstrip("/")))} == set()


@names
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    here = [link.split("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in here if not (page.parent / link).exists()] == []


def test_every_file_of_the_readmes_tree_is_there() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("## Where things are")[1].split("\n## ")[0]
    folders = {path.name for path in ROOT.rglob("*") if path.is_dir() and path.relative_to(ROOT).parts[0] in TOPS}
    files = {path.name for top in TOPS for path in (ROOT / top).rglob("*.*")}
    lost = {name for name in re.findall(r"\b[a-z_]+\.(?:py|sql)\b", tree) if name not in files}
    assert lost == set()
    assert {name for name in re.findall(r"\b([a-z_]+)/", tree)} <= folders


def test_every_check_that_warns_is_explained() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/proof.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {check.__name__ for check in diagnose.ALL} | {fan_out.CHECK} <= listed
