"""Pictures that people look at: reading them, arranging them, colouring figures."""
