"""The engine: sans-IO, standard library only."""
