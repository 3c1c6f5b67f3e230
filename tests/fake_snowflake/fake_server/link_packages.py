"""`python -I link_packages.py FOLDER PACKAGE...`: fill the folder with links to these packages and all they need.

Prints {"unknown": [names that aren't installed]}. Versions are not looked at.
"""

import json
import re
import sys
from importlib import metadata
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:
    from pip._vendor.packaging.requirements import Requirement


def main(folder: Path, wanted: list[str]) -> None:
    unknown, seen = [], set()
    todo = [(Requirement(one), frozenset(Requirement(one).extras)) for one in wanted]
    while todo:
        requirement, extras = todo.pop()
        key = (canonical(requirement.name), extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            unknown += [requirement.name] if any(canonical(one).startswith(key[0]) for one in wanted) else []
            continue
        link(folder, found)
        for one in map(Requirement, found.requires or ()):
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                todo.append((one, frozenset(one.extras)))
    print(json.dumps({"unknown": unknown}))


def link(folder: Path, found: metadata.Distribution) -> None:
    """Link its packages, modules and metadata; folders without __init__.py are shared, so they are made anew."""
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".pth":
            continue
        here, there = folder, Path(str(found.locate_file("")))
        for part in file.parts:
            here, there = here / part, there / part
            if here.is_symlink():
                break
            if there.is_dir() and not (there / "__init__.py").exists() and not part.endswith((".dist-info", ".libs")):
                here.mkdir(exist_ok=True)
                continue
            if there.exists():
                here.symlink_to(there)
            break


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
