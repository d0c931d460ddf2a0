"""The cases, one module a data file; each has ``write(file)``."""
