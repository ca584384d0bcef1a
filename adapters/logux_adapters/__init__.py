"""What ties Logux Store to the outside; what needs an extra says which when it is imported."""
