"""All SQL of the queue, one module for each subject. Every function runs in its caller's transaction."""
