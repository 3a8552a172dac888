"""Training jobs: what one is asked for, and how its ranks are started and watched."""
