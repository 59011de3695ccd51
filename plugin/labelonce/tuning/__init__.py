"""What each threshold would do, and which one fits pairs that a person judged."""
