"""Threads, time and network, simulated."""
