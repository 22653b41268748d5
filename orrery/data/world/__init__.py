"""The embedded world: a seeded generator of a small "internet" whose every fact, name and choice is known.

Read ``choice.py`` (random choices that add up their entropy), then ``world.py`` (who and what exists), then one
file of ``genres/`` (how a document is written), then ``generate.py`` (documents without end).
"""
