"""Real processes killed, ended and frozen while a study runs; afterwards one checker reads everything."""
