"""See, step by step, what happens when a virtual machine is saved, migrated and loaded.

The public names are flat and resolved late, so that importing the package costs next to nothing.
"""
