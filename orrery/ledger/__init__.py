"""The ledger: things that people say about language models, measured. One file a claim; `orrery ledger` lists them."""
