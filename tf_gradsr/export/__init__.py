"""Commands that turn a run folder into something to deploy; `tf_gradsr` knows nothing of them."""
