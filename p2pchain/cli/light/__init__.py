"""Proofs on the command line: fetched from a node that nobody trusts, and checked without a network."""
