"""SavedModels for TF-Serving."""
