"""Snowflake Arctic in torch: 10B dense beside 128 x 3.66B experts. Read config, then model, then moe."""
