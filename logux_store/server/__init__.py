"""The Logux server: authentication, types of actions, channels, HTTP pages and the command line."""
