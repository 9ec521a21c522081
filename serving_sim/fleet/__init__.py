"""A fleet of engines in virtual time: instances come and go as a scaling policy says."""
