"""How good a trained model is, in figures that can fail: what `python -m invoke_model_emoji.evaluate` measures.

`artist` draws, `frames` brings pictures to a common form, `gallery` finds the nearest real drawing, `judge` decides
about combinations, `prompts` has the fixed lists, `parts` are the measurements, `sheet` makes pictures for people.
"""
