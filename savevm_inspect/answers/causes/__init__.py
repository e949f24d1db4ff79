"""Causes and remedies, as data: a module for each part of what QEMU's migration code can say."""
