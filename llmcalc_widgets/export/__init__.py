"""What leaves a widget: code, files, stills, and what its readers without a kernel see."""
