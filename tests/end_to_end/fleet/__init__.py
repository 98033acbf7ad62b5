"""A fleet in several runs, by several workers, on machines that share PostgreSQL and nothing else."""
