"""The phone app's pages in an Android package; see README.md."""
