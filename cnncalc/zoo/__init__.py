"""The zoo: the specs that come with cnncalc, by name, and the catalogue of their counts."""

from cnncalc.zoo.index import load, load_text, names

__all__ = ["load", "load_text", "names"]
