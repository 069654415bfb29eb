"""What a log at rest or with a reference tells of its sensor and its noise."""
