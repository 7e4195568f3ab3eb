"""What a network does that its author hardly means: warnings, each with its place, cause and mend.

Nothing here is an error: the network is counted as it stands. A rule is a small function with a code and a severity,
`warning` for what is likely a slip and `advice` for what may well be meant; its docstring is its part of docs/check.md.
"""
