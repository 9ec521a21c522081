"""What is asked, when, and what is predicted of it."""
