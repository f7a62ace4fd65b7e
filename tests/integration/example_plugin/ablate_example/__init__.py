"""An example of what users add to the catalogue."""
