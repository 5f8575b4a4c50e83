"""What an event says: plain Python, no database."""
