"""What gateways report of the requests that they forward: kept, and made a state to decide on."""
