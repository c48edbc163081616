"""The node's life on Trio.

The inbox, the one loop that performs effects in their order, verification off the loop, and the notification of the
service manager. It decides nothing: what is to be done comes from `node`, and what this package does is done as told.
"""
