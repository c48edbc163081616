"""What may be wrong with a node and its home, and what to do about each: `p2pchain doctor`."""
