"""Reading, converting and writing checkpoints of Arctic."""
