"""DuckDB as a warehouse, in processes of its own."""
