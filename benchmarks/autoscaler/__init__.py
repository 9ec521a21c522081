"""What scaling by predicted tokens gives: frontiers of cost and attainment, in virtual time."""
