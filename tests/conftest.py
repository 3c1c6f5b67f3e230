"""What holds for all tests."""

import importlib.util
import signal
import sys
from pathlib import Path

# A shell that starts the tests in the background has Ctrl-C ignored, also in all they start; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The fixture `fake_snowflake`: loaded by path, since the folder is no package (tests/fake_snowflake/README.md).
_spec = importlib.util.spec_from_file_location(
    "fake_snowflake_plugin", Path(__file__).parent / "fake_snowflake/plugin.py"
)
assert _spec is not None
assert _spec.loader is not None
_plugin = importlib.util.module_from_spec(_spec)
sys.modules["fake_snowflake_plugin"] = _plugin
_spec.loader.exec_module(_plugin)
fake_snowflake_server = _plugin.fake_snowflake_server
fake_snowflake = _plugin.fake_snowflake
