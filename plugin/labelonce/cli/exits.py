"""Exit codes."""

FAILED = 1  # the server or the machine failed: run it again
WRONG_SETTING = 2
INCOMPLETE = 3  # done except for what the server refused, or for images that cannot be read
NOT_THERE = 4  # done; an image that was looked up is not there
LOCKED = 5  # another labelonce works on the project: run it again later
INTERRUPTED = 130
