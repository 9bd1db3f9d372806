"""Event packages, one file each."""
