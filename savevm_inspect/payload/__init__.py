"""Sections with a format of their own: reader and writer together, one file each."""
