"""Tests of the PyTorch folder; they need the extra `torch`."""
