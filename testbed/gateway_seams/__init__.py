"""Our fields against the sources of engines that cannot run here."""
