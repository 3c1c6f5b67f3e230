"""Deployment into a Snowflake account: its numbered SQL files, their variables, the files to upload."""
