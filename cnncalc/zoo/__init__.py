"""The zoo: the specs that come with cnncalc, by name, and the catalogue of their counts."""
