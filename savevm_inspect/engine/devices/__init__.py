"""Devices that migrate: each knows its own state and nothing of the machinery that calls it."""
