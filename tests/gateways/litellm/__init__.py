"""The LiteLLM callback."""
