"""Why it got slower: periods to days, days to parts of a change, parts to bounds, words and tables."""
