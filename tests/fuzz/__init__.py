"""Fuzzing: specs of the zoo, changed at random, read as a stranger's spec would be. See `__main__.py`."""
