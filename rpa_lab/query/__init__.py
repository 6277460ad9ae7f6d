"""Questions as data, and their answers: what is asked, how it is grouped, and what was asked before."""
