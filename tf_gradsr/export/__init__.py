"""Commands that turn a run folder into something to deploy; the modules below do not depend on them."""
