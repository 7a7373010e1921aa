"""Full-text search over what images' files say: the index, the words in it, and questions that only ask for words."""
