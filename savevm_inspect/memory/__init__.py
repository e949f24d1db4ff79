"""Guest memory: every page that was sent, as a table, and what a block's bytes finally are."""
