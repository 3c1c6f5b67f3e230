"""The commands of `arctic-copilot`, one a file."""
