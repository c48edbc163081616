"""The state as a Merkle trie: one hash for all rows, renewed block by block, and short proofs of single rows.

A row lies at the hash of its key.  Up to `BUCKET_ROWS_MAX` rows that share the beginning of their hashes form a bucket;
more of them a branch with one child for each next half byte.  So the shape follows from the set of rows alone: whoever
builds it at once, or row by row in any order, with rows removed in between, gets the same root.

Pure: nodes are read through a function and returned as bytes; where they lie is for the caller to say (decision 0050).
"""
