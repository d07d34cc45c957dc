"""Weight sharing: train one supernet, then score any of its subnets with inherited weights."""
