"""Decoded things as plain rows, trees and series; nothing here draws."""
