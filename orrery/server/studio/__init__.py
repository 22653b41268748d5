"""The studio behind its pages: runs and their events, computations for simulations, jobs, chats."""
