"""The packets of the CORE protocol, declared once; a module per family."""
