"""A teacher from one domain, asked about another of which nobody knows the labels."""
