"""What ties Logux Store to the outside; each module needs the extra of its own name."""
