"""What `cnncalc.costs.receptive_field` is made of: intervals that repeat, sets of positions, and the two ways through a
graph. Forwards, what all units of a layer see is composed layer by layer; backwards, what some of them see is walked
down to the pixels."""
