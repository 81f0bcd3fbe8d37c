//! What survives a crash: write-ahead log and snapshot files.
