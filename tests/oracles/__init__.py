"""What counts are held against: slow loops, PyTorch itself, the counting tools, torchvision's networks.

An oracle shares no formula with `cnncalc`. It is imported by tests and benchmarks, and is not collected as a test.
Modules that need torch import it at their head; their users skip without it.
"""
