"""Network definitions in Brevitas."""
