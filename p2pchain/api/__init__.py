"""The HTTP edge: routes, JSON views, event streams, probes and metrics.

It reads through `ports.Reads`, hands transactions to `Inlet.submit`, and follows what the node publishes through
`events.EventHub`.  It decides nothing, keeps nothing, and never waits inside a read: what may take long is cut into
pieces with a checkpoint between them, because the loop that serves a request is the loop that votes.
"""
