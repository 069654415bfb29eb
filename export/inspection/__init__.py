"""What is in a model file, told without running it: `bombus export inspect`."""
