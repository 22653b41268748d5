"""Models behind an address, for every program that speaks OpenAI's protocol: `orrery serve`.

    client ⇄ HTTP: text (app.py and what it calls)  ⇄ a pipe: ids ⇄  engine process (worker.py)

The first process reads and writes text and never waits for the model; the second computes and never waits for a client.
"""
