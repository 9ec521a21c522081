"""Where the fleet is seen and told: engines, state files, KEDA."""
