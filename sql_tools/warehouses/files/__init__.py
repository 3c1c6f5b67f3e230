"""SQLite, CSV and Parquet files -> a DuckDB file in the cache."""
