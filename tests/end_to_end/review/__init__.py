"""Access reviews, from open to close."""
