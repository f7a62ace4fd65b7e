"""What is around a training in its process: remembered, compared, put back."""
