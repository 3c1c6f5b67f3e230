"""What runs inside a Snowflake account: the stored procedures' work, under the asker's rights."""
