"""What every part is made of: its style, scripts of the page, labels, folds."""
