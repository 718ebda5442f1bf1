"""Cost models: BOPs."""
