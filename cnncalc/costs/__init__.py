"""What a network costs: counts, memory, receptive fields, roofline, bottlenecks, other tools' counts."""
