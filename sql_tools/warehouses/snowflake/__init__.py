"""Snowflake as a warehouse, under the asker's own role."""
