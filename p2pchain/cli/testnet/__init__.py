"""`p2pchain testnet`: a network of real nodes on this machine.

It makes keys, genesis and homes as an operator would, starts the very processes that run elsewhere, and keeps
`testnet.json` true to what runs.  It knows no shortcut into a node: whatever it shows, it asked the API.
"""
