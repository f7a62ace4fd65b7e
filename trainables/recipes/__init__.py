"""The packaged trainables, one file each."""
