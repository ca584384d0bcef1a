"""A shared to-do list: reducers, a server, and a client for the terminal."""
