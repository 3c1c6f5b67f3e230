"""Published attacks, run against the checks and a real engine."""
