//! Loads artifacts and runs their compiled step functions in a fixed arena.
