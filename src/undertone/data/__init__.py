"""Reviews: read from any source, checked, and divided into train, validation and test."""
