"""The Python side of the simulations: one file each, a request, an answer, and a plain function between them."""
