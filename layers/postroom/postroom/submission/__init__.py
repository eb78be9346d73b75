"""What people may send: how much in an hour and in a day."""
