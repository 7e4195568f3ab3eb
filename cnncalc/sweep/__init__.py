"""Many variants of a network: grids and samples, their costs, constraints, fronts and searches."""
