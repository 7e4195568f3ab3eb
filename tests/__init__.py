"""The tests of cnncalc."""
