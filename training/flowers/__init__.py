"""An image classifier from folders of photos (arXiv 2601.15810): audit, recipe, stages, report."""
