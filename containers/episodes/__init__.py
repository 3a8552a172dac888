"""Episodes: how a policy and an environment take turns, whatever the policy is."""
