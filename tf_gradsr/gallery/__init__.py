"""Pictures for people to look at: reading them, arranging them, colouring figures."""
