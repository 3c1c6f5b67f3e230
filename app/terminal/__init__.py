"""What the terminal shows: both streams, and answers, rows and reports as parts to print."""
