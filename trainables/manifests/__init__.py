"""What can be said about the packaged trainables and their parts, without torch."""
