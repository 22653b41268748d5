"""One file an exercise: its title, its task, the file that a reader starts from, a solution, and a check."""
