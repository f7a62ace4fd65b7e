"""From factors to arms: levels, conditions, layouts, settings, readings, questions and searches."""
