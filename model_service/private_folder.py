"""Folders that only their owner may enter: leases, keys and weights are kept in such."""

import os
from pathlib import Path

from model_service.errors import LoadError


def private_folder(root: Path, *parts: str) -> Path:
    """`root` / `parts`, made where it is missing, which only its owner may enter.

    LoadError where it, or a folder on the way from `root`, is another user's or reached by another user's link, or where a
    folder below `root` is a link: what it leads to was not made for this. OSError where it cannot be made.
    """
    folder = root
    for part in ("", *parts):
        folder = folder / part
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and {folder.lstat().st_uid, folder.stat().st_uid} != {os.getuid()}:
            raise LoadError(
                f"{folder} is another user's, so what is kept there cannot be trusted.",
                "Set ARCTIC_COPILOT_CACHE_DIR to a folder of your own.",
            )
        if folder != root and folder.is_symlink():
            raise LoadError(
                f"{folder} is a link, and what is kept there must lie in the folder itself.",
                "Remove the link; set ARCTIC_COPILOT_CACHE_DIR to keep everything elsewhere.",
            )
    if parts and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder
