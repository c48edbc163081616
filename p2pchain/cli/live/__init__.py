"""Tables that are kept current: `--watch` of `peers`, `delegates` and `mempool`.  They read what anybody may, and change nothing."""
