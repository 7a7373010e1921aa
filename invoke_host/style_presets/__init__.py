"""Style presets: pairs of prompts with a name and a picture, private until published."""
