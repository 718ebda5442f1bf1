"""What may stand on a command line: one function per command, whose body calls what it does."""
