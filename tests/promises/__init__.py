"""What must hold after any run, whatever happened in it: one set of checks, for simulated and real ones."""
