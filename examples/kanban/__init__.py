"""Boards of cards that a team moves from column to column; shows how to test an application."""
