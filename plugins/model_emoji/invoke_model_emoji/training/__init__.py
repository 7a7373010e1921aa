"""Training from nothing: `decoder`, `encoder`, `words` (a warm-up of the text encoder), `denoiser`, in this order.

Every stage is a module that computes its own loss; `loop` runs it, in one process on a GPU or in one for each core.
"""
