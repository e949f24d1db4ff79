"""Events to the state before and after each one, forward and back."""
