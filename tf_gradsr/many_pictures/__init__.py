"""Very many pictures: blocks of them, made by Ray's actors, each finished as a whole or not at all."""
