"""stub"""

from pathlib import Path
from sql_tools.settings import Settings


def demo_path(settings: Settings) -> Path:
    raise NotImplementedError
