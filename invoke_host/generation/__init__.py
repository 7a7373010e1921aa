"""From a request to a picture: requests, samplers, the executor `local`, and the worker process that it starts."""
