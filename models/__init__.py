"""The ground floor: what a deployable model is. Needs numpy and one runtime, nothing heavier."""
