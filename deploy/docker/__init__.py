"""The image, the compose file, and what makes a trial installation for it."""
