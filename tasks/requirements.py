"""The requirements stage: what a user of the scenario's application would want done."""

from __future__ import annotations

import dspy


class WriteRequirements(dspy.Signature):
    """List `count` things that the signed-in user of this application would ask an assistant to get done in it. They will
    shape its database, its tools and the tasks of a test, so they must be worth building for.

    - One sentence each, of 12 to 30 words: what is wanted, with the conditions or the choice that make it specific
      ("Cancel the pending order that holds a given item and reorder the same items from the cheapest supplier").
    - Together they touch at least a dozen kinds of records. About a third look up, compare, count or total; a third change
      one record; a third change several records that depend on each other.
    - Self-contained, and done wholly in the application's own data: no signing in, no passwords, no files, pages, e-mail,
      maps, or outside services. No two alike.

    intentions: a JSON array of strings.
    """

    scenario: str = dspy.InputField()
    count: int = dspy.InputField()
    intentions: list[str] = dspy.OutputField()
