"""What runs on a phone, a Pi or a laptop: the recogniser and, later, the app. No TensorFlow."""
