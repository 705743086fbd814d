"""Measures trained models side by side on the same pictures: from run folders to tables."""
