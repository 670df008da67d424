"""The broker: a sans-IO core, and a runtime around it."""
