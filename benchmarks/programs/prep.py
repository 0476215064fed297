"""The script of the declared jobs; it is staged as an asset and never run."""
