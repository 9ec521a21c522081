"""The service beside the encoder alone and beside another embedding server."""
