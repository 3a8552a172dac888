"""Models and how they are spoken to: settings, prompts, answers, and the journal that keeps every answer."""
