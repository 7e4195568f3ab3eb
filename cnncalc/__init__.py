"""cnncalc: what a convolutional network costs, from a short YAML spec, without running it."""
