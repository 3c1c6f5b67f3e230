"""What a SQL tree says: names, tables, conditions, keys, grain. No engine, no question, no rule."""
