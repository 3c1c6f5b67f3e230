"""One query on Snowflake and its transpile on DuckDB, compared cell by cell."""
