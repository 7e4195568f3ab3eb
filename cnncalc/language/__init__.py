"""Reading specs: YAML with positions, the language's checks, expressions, and the zoo's index."""
