"""What the user wrote: the study format, read from JSON or YAML."""
