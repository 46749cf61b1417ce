"""`rankme.Monitor`: windows of a stream of embeddings, held against a reference.

It stands among the integrations since it lives in somebody else's service as hooks live in
somebody else's training loop, and since it needs all floors below: sources for its reference, sums
for its windows, metrics for what it tells.
"""
