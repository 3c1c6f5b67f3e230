"""What warns and lets the answer out: checks of valid SQL against the data."""
