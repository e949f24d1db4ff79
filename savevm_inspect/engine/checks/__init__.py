"""A device of a user held against what its callbacks promise."""
