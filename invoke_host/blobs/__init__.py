"""Files and the rows that own them: tombstones, what removes files without a row, and attaching a file to a row."""
