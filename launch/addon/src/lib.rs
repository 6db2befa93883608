//! The runtime's one native module: binds engine, executive and transport to Node.
