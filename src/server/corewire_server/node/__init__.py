"""All that the runtime decides, without I/O: numbers inputs, steps the core, gate, journal."""
