"""What one reporter of absurd lengths does to everybody's predictions."""
