"""Robot localization on an IMU alone: `robot.localizer` is where to begin."""
