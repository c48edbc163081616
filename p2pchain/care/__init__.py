"""Care for a chain that lies on disk: checking it, mending it from what is good in it, writing it out and reading it in.

Decides in which order a chain is read and what is told of it; never what is valid: blocks go through `node.replay`, by the
rules of `chain`, like those of a catch-up.  Nothing here changes a store in place: what is made is made beside and renamed.
"""
