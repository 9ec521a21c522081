"""KEDA: an external scaler that answers from memory."""
