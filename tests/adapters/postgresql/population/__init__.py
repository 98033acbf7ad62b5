"""A population of a cluster as nobody would make it by hand, and what the server says of all of it."""
