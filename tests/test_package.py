import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_of_code_is_in_the_wheel() -> None:
    tops = ("app", "sql_tools", "model_service")
    folders = {file.parent for top in tops for file in (ROOT / top).rglob("*.py")}
    named = {ROOT / name.replace(".", "/") for name in PYPROJECT["tool"]["setuptools"]["packages"]}
    assert folders == named


def test_every_file_that_is_no_code_is_in_the_wheel() -> None:
    data = PYPROJECT["tool"]["setuptools"]["package-data"]
    packed = {file for package, globs in data.items() for glob in globs for file in (ROOT / package).glob(glob)}
    needed = {
        file
        for top in ("app", "sql_tools", "model_service")
        for file in (ROOT / top).rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    }
    assert needed == packed
