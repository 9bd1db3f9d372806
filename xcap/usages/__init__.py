"""Application usages, one file each."""
