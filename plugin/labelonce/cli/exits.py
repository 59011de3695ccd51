"""Exit codes."""

FAILED = 1  # the server or the machine failed: run it again
WRONG_SETTING = 2
INCOMPLETE = 3  # done except for what the server refused
INTERRUPTED = 130
