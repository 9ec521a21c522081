"""What the machine gives: addresses to listen on, cores and threads to compute in."""
