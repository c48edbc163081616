"""`p2pchain bench`: words for the command line around `p2pchain.bench`, and the networks that it measures."""
