"""What holds for all tests."""

import signal

# A shell that starts the tests in the background has Ctrl-C ignored, also in all they start; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)
