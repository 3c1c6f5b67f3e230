"""Execution accuracy: our rows against those of a benchmark's own SQL."""
