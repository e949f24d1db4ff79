"""Scenarios as data, and what runs them."""
