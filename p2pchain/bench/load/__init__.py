"""Load as a client makes it: a process of its own signs transfers, submits them on time, and watches the API for finality.

The load is open: each transfer has a moment at which it is due, whatever became of those before it, and its latency
counts from that moment.  So a node that answers slowly gets larger batches and longer latencies, never less load.
"""
