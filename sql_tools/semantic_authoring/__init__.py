"""Writing a semantic file: drafted from a schema, taken over from dbt or OSI, checked against the data."""
