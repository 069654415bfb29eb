"""Drives that never were: road, vehicle, vibration, and the errors of an IMU."""
