"""The worker process, the only place where torch, diffusers and transformers are imported. Speaks `protocol`."""
