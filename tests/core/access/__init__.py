"""Laws of effective access, on an engine of the tests' own."""
