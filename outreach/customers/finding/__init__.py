"""Finding people: search, filters, segments, tags for many, duplicates, and one person's history."""
