"""What an analyst's side does with the journal: which files count, compaction, the store."""
