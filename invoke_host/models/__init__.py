"""The models of this host: what plugins offer and what lies in the models folder."""
