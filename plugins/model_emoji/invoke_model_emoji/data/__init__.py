"""What the model is trained on: openly licensed drawings, their names, and scenes composed of them.

`sources` downloads, `concepts` names, `drawings` renders, `scenes` composes, `captions` tells, `paint` makes pixels,
and `heldout` keeps some combinations away from training, so that the evaluation can ask for what was never seen.
"""
