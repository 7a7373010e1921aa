"""The queue: durable requests for pictures, a fair line, and the promise that each picture is stored exactly once."""
