"""What can be done with images, each as one call; all checks are made inside, by the stores' predicates."""
