"""Around the simulator, what it may not do itself: processes, files, the terminal.  Nothing about a run is decided here."""
