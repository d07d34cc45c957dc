"""What the cost model of devices is fitted to: networks, what they take, and the fit."""
