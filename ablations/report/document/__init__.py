"""What a report is made of: sections, tables, plots and numbers, as data."""
