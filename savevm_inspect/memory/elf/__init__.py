"""Guest memory as ELF core files, and what they say of processors."""
