"""Programs that serve the repository; none of them is installed."""
