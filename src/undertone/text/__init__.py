"""From a review to token ids with character spans, and back to words."""
