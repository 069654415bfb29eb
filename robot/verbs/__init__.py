"""What the commands of `bombus robot` do, one a file; `robot.cli` says what they are called."""
