"""Plans, reasons and figures in words."""
