"""Robot localization on an IMU alone. Nothing has landed here yet; CHANGELOG.md tells what has."""
