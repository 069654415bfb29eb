"""Learning to localize by an IMU: recordings, spoiled copies of them, networks and their filter."""
