"""Speed of the engines, measured side by side."""
