"""Named models -> verified files on this machine."""
