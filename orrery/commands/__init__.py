"""What the command line calls where a command needs several rooms: one file a command."""
