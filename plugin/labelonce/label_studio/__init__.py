"""labelonce on Label Studio: the connection, what is read, and what is written."""
