"""The address book: which nodes are said to be where, and which of them were really met there.

Pure: time and chance come in as arguments.  Decides what is kept, what gives way, whom to dial and what to tell; never
connects, never checks a signature (`net.exchange` did), never touches the disk.

    told by a peer --> new --met there--> tried
"""
