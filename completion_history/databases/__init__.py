"""What differs from database to database, one file each; all else is SQLAlchemy Core."""
