"""System prompts: instructions for language models that write prompts, private until published."""
