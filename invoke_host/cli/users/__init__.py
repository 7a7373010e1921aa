"""What the commands about users do, at a terminal and in scripts; their flags are written with the commands."""
